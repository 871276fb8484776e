"use client";
import { useQuery } from "@tanstack/react-query";
import { Upload } from "lucide-react";
import dynamic from "next/dynamic";
import { Link } from "@/app/_ui/link";
import { useState } from "react";
import { markText } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { RunProgress } from "@/app/runs/_components/run-parts";
import { formatAgo, formatBytes, formatInteger, NONE } from "@/app/_lib/format/format";
import { useTRPC, type CorpusRow, type RunRow } from "@/app/_lib/live/trpc";
import { useNow } from "@/app/_lib/hooks/use-now";
import { Badge } from "@/app/_ui/badge";
import { Button } from "@/app/_ui/button";
import { Card, CardHeader } from "@/app/_ui/card";
import { RunStateBadge } from "@/app/_ui/run-state";
import { EmptyState, QueryErrorState, Skeleton } from "@/app/_ui/states";

/** Loaded once it is opened: it knows every form of a corpus and what an index of it costs. */
const ImportDialog = dynamic(() => import("./import-dialog").then((m) => m.ImportDialog), {
  ssr: false,
});

const HEADS = [
  markText("Name"),
  markText("Passages"),
  markText("Size"),
  markText("Indexes"),
  markText("On"),
  markText("Imported"),
];

/** All corpora that workers hold, and running imports. */
export function CorporaView() {
  const t = useText();
  const trpc = useTRPC();
  const query = useQuery(trpc.corpora.list.queryOptions());
  const [importing, setImporting] = useState(false);
  const button = (
    <Button variant="primary" onClick={() => setImporting(true)}>
      <Upload /> {t("Import a corpus")}
    </Button>
  );
  return (
    <>
      <header className="flex items-center justify-between gap-4">
        <h1 className="text-lg font-semibold">{t("Corpora")}</h1>
        {button}
      </header>
      <ImportList />
      <div className="mt-4">
        {query.isPending ? (
          <Skeleton className="h-60" />
        ) : query.isError ? (
          <QueryErrorState title={t("The corpora could not be read")} query={query} />
        ) : query.data.length === 0 ? (
          <EmptyState title={t("No worker holds a corpus")} action={button}>
            {t(
              "Import your own documents, or one of the paper’s corpora. Workers tell of what they hold as soon as they attach.",
            )}
          </EmptyState>
        ) : (
          <CorporaTable rows={query.data} />
        )}
      </div>
      {importing ? <ImportDialog open onOpenChange={setImporting} /> : null}
    </>
  );
}

/** Imports and index builds that are running, or failed within a day. */
function ImportList() {
  const t = useText();
  const trpc = useTRPC();
  const now = useNow();
  const query = useQuery(trpc.runs.list.queryOptions({ kinds: ["index"], limit: 20 }));
  const shown =
    query.data?.rows.filter(
      (run) =>
        run.endedAt === null ||
        (run.state === "failed" && now - run.endedAt.getTime() < 24 * 3_600_000),
    ) ?? [];
  if (shown.length === 0) return null;
  return (
    <Card className="mt-4">
      <CardHeader
        title={t("Under way")}
        description={t("Imports and index builds; a failed one stays here for a day")}
      />
      <ul className="mt-2 divide-y">
        {shown.map((run) => (
          <ImportRow key={run.id} run={run} />
        ))}
      </ul>
    </Card>
  );
}

function ImportRow({ run }: { run: RunRow }) {
  const t = useText();
  return (
    <li
      className="grid gap-x-4 gap-y-1 px-4 py-2.5 md:grid-cols-[minmax(0,1fr)_6rem_minmax(0,1fr)] md:items-center"
      data-import={run.id}
    >
      <Link href={`/runs/${run.id}`} className="min-w-0 truncate font-medium hover:underline">
        {run.name}
      </Link>
      <RunStateBadge state={run.state} className="justify-self-start" />
      <div className="min-w-0">
        <RunProgress run={run} />
        {run.progress?.detail ? (
          <p className="truncate text-2xs text-muted-foreground">
            {t.message(run.progress.detail)}
          </p>
        ) : null}
      </div>
    </li>
  );
}

function CorporaTable({ rows }: { rows: CorpusRow[] }) {
  const t = useText();
  const now = useNow();
  return (
    <div className="overflow-x-auto rounded-lg border bg-card">
      <table className="w-full text-left">
        <thead className="border-b text-xs text-muted-foreground">
          <tr>
            {HEADS.map((title, i) => (
              <th
                key={title}
                scope="col"
                className={`h-9 px-3 font-medium ${i > 2 ? "hidden md:table-cell" : ""}`}
              >
                {t(title)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr
              key={row.name}
              className="relative border-b last:border-0 hover:bg-muted/50"
              data-corpus={row.name}
            >
              <td className="h-14 max-w-60 px-3">
                <Link
                  href={`/corpora/${encodeURIComponent(row.name)}`}
                  className="row-link break-all"
                >
                  {row.name}
                </Link>
                <p className="truncate text-2xs text-muted-foreground">
                  {[row.source, row.licence].filter(Boolean).join(" · ") ||
                    t("put on the worker by hand or by the set-up")}
                </p>
              </td>
              <td className="px-3 font-mono">
                {row.documents === null ? NONE : formatInteger(row.documents)}
                {row.badLines > 0 ? (
                  <Badge tone="warn" className="ml-2 font-sans">
                    {t("{count, plural, one {# bad line} other {# bad lines}}", {
                      count: row.badLines,
                    })}
                  </Badge>
                ) : null}
              </td>
              <td className="px-3 whitespace-nowrap">{formatBytes(row.bytes)}</td>
              <td className="hidden px-3 font-mono md:table-cell">{row.indexes}</td>
              <td className="hidden px-3 md:table-cell">
                <span className="flex flex-wrap gap-1">
                  {row.workers.map((worker) => (
                    <Badge
                      key={worker.id}
                      tone={worker.online ? "good" : "neutral"}
                      title={worker.online ? t("online") : t("offline")}
                    >
                      {worker.name}
                    </Badge>
                  ))}
                  {row.sameEverywhere ? null : <Badge tone="warn">{t("differ")}</Badge>}
                </span>
              </td>
              <td className="hidden px-3 text-muted-foreground md:table-cell">
                {row.importedAt === null ? (
                  NONE
                ) : (
                  <time suppressHydrationWarning>{formatAgo(t, row.importedAt, now)}</time>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
