import { Link } from "@/app/_ui/link";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import {
  formatBytes,
  formatDateTime,
  formatInteger,
  formatNumber,
  NONE,
} from "@/app/_lib/format/format";
import type { CorpusDetail } from "@/app/_lib/live/trpc";
import type { FoundCorpusFile } from "@/contracts/formats/corpus-reading";
import { Badge } from "@/app/_ui/badge";
import { FactList, type Fact } from "@/app/_ui/fact-list";
import { describeReading } from "../../_components/reading-texts";

/** What is known of a corpus: size, content, licence, workers, and where it comes from. */
export function CorpusFacts({ corpus }: { corpus: CorpusDetail }) {
  const t = useText();
  const { manifest } = corpus;
  const facts: Fact[] = [
    [t("Passages"), corpus.documents === null ? NONE : formatInteger(corpus.documents)],
    [t("Size"), formatBytes(corpus.bytes)],
    [
      t("Content"),
      corpus.hash === null ? (
        NONE
      ) : (
        <code key="h" className="font-mono text-2xs break-all">
          {corpus.hash}
        </code>
      ),
    ],
    [t("Licence"), corpus.licence || t("not said")],
    [
      t("On"),
      <span key="w" className="flex flex-wrap gap-1">
        {corpus.workers.map((worker) => (
          <Badge key={worker.id} tone={worker.online ? "good" : "neutral"}>
            {worker.online ? worker.name : t("{worker}, offline", { worker: worker.name })}
          </Badge>
        ))}
      </span>,
    ],
    ...(manifest
      ? ([
          [
            t("Comes from"),
            <span key="f" className="break-all">
              {manifest.source.from}
            </span>,
          ],
          [
            t("Source"),
            t("{format}, {files, plural, one {# file} other {# files}}, {size}", {
              format: manifest.source.format,
              files: manifest.source.files,
              size: formatBytes(manifest.source.bytes),
            }),
          ],
          ...(manifest.reading ? [[t("Read as"), formatReading(t, manifest.reading)] as Fact] : []),
          [
            t("In /retrieve"),
            manifest.contentsForms
              ? t("contents of each passage as its line had them")
              : t(
                  "contents made of title and text, in upstream's form: imported before the form of each line was kept",
                ),
          ],
          [
            t("Source sha256"),
            <code key="s" className="font-mono text-2xs break-all">
              {manifest.source.sha256}
            </code>,
          ],
          [
            t("Imported"),
            <Link
              key="i"
              href={`/runs/${manifest.runId}`}
              className="underline decoration-dotted underline-offset-2"
            >
              {formatDateTime(t, manifest.importedAt)}
            </Link>,
          ],
          [
            t("Memory"),
            t("{bytes} bytes a passage, {total} in all, before any index", {
              bytes: formatNumber(manifest.memoryPerPassage),
              total: formatBytes(Math.round(manifest.memoryPerPassage * manifest.documents)),
            }),
          ],
        ] satisfies Fact[])
      : ([[t("Comes from"), t("put on the worker by hand or by the set-up")]] satisfies Fact[])),
  ];
  return (
    <FactList
      facts={facts}
      className="grid-cols-[7rem_minmax(0,1fr)] gap-x-3 gap-y-1.5 px-4 py-3 text-xs"
      valueClassName="min-w-0"
    />
  );
}

const formatReading = (t: Text, reading: FoundCorpusFile): string =>
  Object.values(describeReading(t, reading)).filter(Boolean).join("; ");
