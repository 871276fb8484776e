"use client";
import { useQuery } from "@tanstack/react-query";
import { Hammer, RadioTower, Search } from "lucide-react";
import Link from "next/link";
import { useEffect, type ReactNode } from "react";
import {
  formatBytes,
  formatDateTime,
  formatInteger,
  formatNumber,
  NONE,
  formatCount,
} from "@/app/_lib/format";
import { useTRPC, type CorpusDetail } from "@/app/_lib/trpc";
import { Badge } from "@/app/_ui/badge";
import { BackLink } from "@/app/_ui/back-link";
import { Button } from "@/app/_ui/button";
import { Card, CardHeader } from "@/app/_ui/card";
import { QueryErrorState, Skeleton } from "@/app/_ui/states";
import { Lengths } from "./lengths";
import { RemoveCorpusButton } from "./remove-corpus";
import { Samples } from "./samples";

/** One corpus: facts, indexes, lengths, what was left out, samples. */
export function CorpusView({ name }: { name: string }) {
  const trpc = useTRPC();
  const query = useQuery(trpc.corpora.get.queryOptions({ name }));
  useEffect(() => {
    document.title = `${name} · s3`;
  }, [name]);
  return (
    <>
      <BackLink href="/corpora">Corpora</BackLink>
      {query.isError && !query.data ? (
        <>
          <h1 className="mt-1 text-lg font-semibold break-all">{name}</h1>
          <QueryErrorState className="mt-4" title="The corpus could not be read" query={query} />
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
              <RadioTower /> Serve
            </Link>
          </Button>
          <Button asChild>
            <Link href={`/runs/new?kind=index&corpus=${encodeURIComponent(corpus.name)}`}>
              <Hammer /> Build an index
            </Link>
          </Button>
          <Button variant="primary" asChild>
            <Link href={`/playground?corpus=${encodeURIComponent(corpus.name)}`}>
              <Search /> Open in playground
            </Link>
          </Button>
        </div>
      </header>
      {corpus.sameEverywhere ? null : (
        <p className="mt-2 text-xs text-warn">
          Workers hold different documents under this name. What is shown is of{" "}
          {corpus.workers[0]?.name}; give one of them another name.
        </p>
      )}
      <div className="mt-4 grid items-start gap-4 lg:grid-cols-2">
        <Card>
          <CardHeader title="About" />
          <Facts corpus={corpus} />
        </Card>
        <Card>
          <CardHeader
            title="Indexes"
            description="Built by index runs, or by the first run that searches"
          />
          <Indexes indexes={corpus.indexes} />
        </Card>
        {manifest ? (
          <Card>
            <CardHeader
              title="Lengths"
              description={`Words a passage: ${formatInteger(manifest.lengths.shortest)} to ${formatInteger(manifest.lengths.longest)}, ${formatNumber(manifest.lengths.mean)} on average`}
            />
            <Lengths lengths={manifest.lengths} />
          </Card>
        ) : null}
        {manifest ? (
          <Card>
            <CardHeader
              title="Left out"
              description={
                manifest.badLines.total === 0 && manifest.duplicates.passages === 0
                  ? "Nothing: every line became a passage"
                  : "Lines of the source that are not in the corpus"
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

function Facts({ corpus }: { corpus: CorpusDetail }) {
  const { manifest } = corpus;
  const facts: [string, ReactNode][] = [
    ["Passages", corpus.documents === null ? NONE : formatInteger(corpus.documents)],
    ["Size", formatBytes(corpus.bytes)],
    [
      "Content",
      corpus.hash === null ? (
        NONE
      ) : (
        <code key="h" className="font-mono text-2xs break-all">
          {corpus.hash}
        </code>
      ),
    ],
    ["Licence", corpus.licence || "not said"],
    [
      "On",
      <span key="w" className="flex flex-wrap gap-1">
        {corpus.workers.map((worker) => (
          <Badge key={worker.id} tone={worker.online ? "good" : "neutral"}>
            {worker.name}
            {worker.online ? "" : ", offline"}
          </Badge>
        ))}
      </span>,
    ],
    ...(manifest
      ? ([
          [
            "Comes from",
            <span key="f" className="break-all">
              {manifest.source.from}
            </span>,
          ],
          [
            "Source",
            `${manifest.source.format}, ${formatCount(manifest.source.files, "file")}, ${formatBytes(manifest.source.bytes)}`,
          ],
          [
            "Source sha256",
            <code key="s" className="font-mono text-2xs break-all">
              {manifest.source.sha256}
            </code>,
          ],
          [
            "Imported",
            <Link
              key="i"
              href={`/runs/${manifest.runId}`}
              className="underline decoration-dotted underline-offset-2"
            >
              {formatDateTime(manifest.importedAt)}
            </Link>,
          ],
          [
            "Memory",
            `${formatNumber(manifest.memoryPerPassage)} bytes a passage, ${formatBytes(Math.round(manifest.memoryPerPassage * manifest.documents))} in all, before any index`,
          ],
        ] satisfies [string, ReactNode][])
      : ([["Comes from", "put on the worker by hand or by the set-up"]] satisfies [
          string,
          ReactNode,
        ][])),
  ];
  return (
    <dl className="grid grid-cols-[7rem_minmax(0,1fr)] gap-x-3 gap-y-1.5 px-4 py-3 text-xs">
      {facts.map(([label, value]) => (
        <div key={label} className="contents">
          <dt className="text-muted-foreground">{label}</dt>
          <dd className="min-w-0">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Indexes({ indexes }: { indexes: CorpusDetail["indexes"] }) {
  if (indexes.length === 0)
    return (
      <p className="px-4 py-3 text-xs text-muted-foreground">
        None yet. Build one here, or let the first run that searches build it.
      </p>
    );
  return (
    <ul className="mt-2 divide-y" data-testid="indexes">
      {indexes.map((index) => (
        <li key={index.key} className="px-4 py-2 text-xs">
          <p className="font-medium">{index.description}</p>
          <p className="text-muted-foreground">
            {formatBytes(index.bytes)}, built{" "}
            <time suppressHydrationWarning>{formatDateTime(index.builtAt)}</time>
          </p>
        </li>
      ))}
    </ul>
  );
}

function BadLines({ manifest }: { manifest: NonNullable<CorpusDetail["manifest"]> }) {
  const { badLines, duplicates } = manifest;
  return (
    <div className="px-4 pt-2 pb-3 text-xs">
      <p>
        {formatCount(badLines.total, "bad line")}, {formatCount(duplicates.passages, "passage")}{" "}
        that repeated another.{" "}
        {duplicates.texts > 0
          ? `${formatCount(duplicates.texts, "passage")} with the text of another are kept under ids of their own.`
          : ""}
      </p>
      {badLines.first.length > 0 ? (
        <div className="mt-2 max-h-72 overflow-auto rounded-md border">
          <table className="w-full text-left" data-testid="bad-lines">
            <thead className="sticky top-0 bg-muted text-muted-foreground">
              <tr>
                <th scope="col" className="px-2 py-1 font-medium">
                  File
                </th>
                <th scope="col" className="px-2 py-1 font-medium">
                  Line
                </th>
                <th scope="col" className="px-2 py-1 font-medium">
                  Why
                </th>
              </tr>
            </thead>
            <tbody>
              {badLines.first.map((line, i) => (
                <tr key={i} className="border-t align-top">
                  <td className="max-w-32 px-2 py-1 break-all">{line.file}</td>
                  <td className="px-2 py-1 font-mono">{formatInteger(line.line)}</td>
                  <td className="px-2 py-1 break-words">{line.reason}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : null}
      {badLines.total > badLines.first.length ? (
        <p className="mt-1 text-muted-foreground">
          The first {badLines.first.length} of {formatInteger(badLines.total)}.
        </p>
      ) : null}
    </div>
  );
}
