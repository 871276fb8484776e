import Link from "next/link";
import {
  formatBytes,
  formatCount,
  formatDateTime,
  formatInteger,
  formatNumber,
  NONE,
} from "@/app/_lib/format";
import type { CorpusDetail } from "@/app/_lib/trpc";
import { describeReading } from "@/core/corpora/describe-reading";
import { Badge } from "@/app/_ui/badge";
import { FactList, type Fact } from "@/app/_ui/fact-list";

/** What is known of a corpus: size, content, licence, workers, and where it comes from. */
export function CorpusFacts({ corpus }: { corpus: CorpusDetail }) {
  const { manifest } = corpus;
  const facts: Fact[] = [
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
          ...(manifest.reading ? [["Read as", formatReading(manifest.reading)] as Fact] : []),
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
        ] satisfies Fact[])
      : ([["Comes from", "put on the worker by hand or by the set-up"]] satisfies Fact[])),
  ];
  return (
    <FactList
      facts={facts}
      className="grid-cols-[7rem_minmax(0,1fr)] gap-x-3 gap-y-1.5 px-4 py-3 text-xs"
      valueClassName="min-w-0"
    />
  );
}

const formatReading = (reading: Parameters<typeof describeReading>[0]): string =>
  Object.values(describeReading(reading)).filter(Boolean).join("; ");
