"use client";
import { useQuery } from "@tanstack/react-query";
import { Hammer, RadioTower, Search } from "lucide-react";
import { Link } from "@/app/_ui/link";
import { useEffect } from "react";
import { useText } from "@/app/_i18n/text-provider";
import {
  formatBytes,
  formatDateTime,
  formatInteger,
  formatNumber,
  NONE,
} from "@/app/_lib/format/format";
import { useTRPC, type CorpusDetail } from "@/app/_lib/live/trpc";
import { BackLink } from "@/app/_ui/back-link";
import { Button } from "@/app/_ui/button";
import { Card, CardHeader } from "@/app/_ui/card";
import { QueryErrorState, Skeleton } from "@/app/_ui/states";
import { BadLines } from "./bad-lines";
import { CorpusFacts } from "./corpus-facts";
import { Lengths } from "./lengths";
import { RemoveCorpusButton } from "./remove-corpus";
import { Samples } from "./samples";

/** One corpus: facts, indexes, lengths, what was left out, samples. */
export function CorpusView({ name }: { name: string }) {
  const t = useText();
  const trpc = useTRPC();
  const query = useQuery(trpc.corpora.get.queryOptions({ name }));
  useEffect(() => {
    document.title = `${name} · s3`;
  }, [name]);
  return (
    <>
      <BackLink href="/corpora">{t("Corpora")}</BackLink>
      {query.isError && !query.data ? (
        <>
          <h1 className="mt-1 text-lg font-semibold break-all">{name}</h1>
          <QueryErrorState
            className="mt-4"
            title={t("The corpus could not be read")}
            query={query}
          />
        </>
      ) : query.data ? (
        <Corpus corpus={query.data} />
      ) : (
        <div className="mt-4 space-y-4" aria-busy>
          <Skeleton className="h-7 w-60" />
          <Skeleton className="h-60" />
        </div>
      )}
    </>
  );
}

function Corpus({ corpus }: { corpus: CorpusDetail }) {
  const t = useText();
  const { manifest } = corpus;
  const online = corpus.workers.some((worker) => worker.online);
  return (
    <>
      <header className="mt-1 flex flex-wrap items-start justify-between gap-x-4 gap-y-2">
        <h1 className="min-w-0 text-lg font-semibold break-all">{corpus.name}</h1>
        <div className="flex flex-wrap gap-2">
          <RemoveCorpusButton corpus={corpus} />
          <Button asChild>
            <Link href={`/runs/new?kind=serve&corpus=${encodeURIComponent(corpus.name)}`}>
              <RadioTower /> {t("Serve")}
            </Link>
          </Button>
          <Button asChild>
            <Link href={`/runs/new?kind=index&corpus=${encodeURIComponent(corpus.name)}`}>
              <Hammer /> {t("Build an index")}
            </Link>
          </Button>
          <Button variant="primary" asChild>
            <Link href={`/playground?corpus=${encodeURIComponent(corpus.name)}`}>
              <Search /> {t("Open in playground")}
            </Link>
          </Button>
        </div>
      </header>
      {corpus.sameEverywhere ? null : (
        <p className="mt-2 text-xs text-warn">
          {t(
            "Workers hold different documents under this name. What is shown is of {name}; give one of them another name.",
            { name: corpus.workers[0]?.name ?? NONE },
          )}
        </p>
      )}
      <div className="mt-4 grid items-start gap-4 lg:grid-cols-2">
        <Card>
          <CardHeader title={t("About")} />
          <CorpusFacts corpus={corpus} />
        </Card>
        <Card>
          <CardHeader
            title={t("Indexes")}
            description={t("Built by index runs, or by the first run that searches")}
          />
          <Indexes indexes={corpus.indexes} />
        </Card>
        {manifest ? (
          <Card>
            <CardHeader
              title={t("Lengths")}
              description={t("Words a passage: {shortest} to {longest}, {mean} on average", {
                shortest: formatInteger(manifest.lengths.shortest),
                longest: formatInteger(manifest.lengths.longest),
                mean: formatNumber(manifest.lengths.mean),
              })}
            />
            <Lengths lengths={manifest.lengths} />
          </Card>
        ) : null}
        {manifest ? (
          <Card>
            <CardHeader
              title={t("Left out")}
              description={
                manifest.badLines.total === 0 && manifest.duplicates.passages === 0
                  ? t("Nothing: every line became a passage")
                  : t("Lines of the source that are not in the corpus")
              }
            />
            <BadLines manifest={manifest} />
          </Card>
        ) : null}
      </div>
      <Samples corpus={corpus.name} samples={corpus.samples} canSearch={online} />
    </>
  );
}

function Indexes({ indexes }: { indexes: CorpusDetail["indexes"] }) {
  const t = useText();
  if (indexes.length === 0)
    return (
      <p className="px-4 py-3 text-xs text-muted-foreground">
        {t("None yet. Build one here, or let the first run that searches build it.")}
      </p>
    );
  return (
    <ul className="mt-2 divide-y" data-testid="indexes">
      {indexes.map((index) => (
        <li key={index.key} className="px-4 py-2 text-xs">
          <p className="font-medium">{index.description}</p>
          <p className="text-muted-foreground">
            {t.rich("{size}, built <time>{at}</time>", {
              size: formatBytes(index.bytes),
              at: formatDateTime(t, index.builtAt),
              time: (at) => <time suppressHydrationWarning>{at}</time>,
            })}
          </p>
        </li>
      ))}
    </ul>
  );
}
