import type { Text } from "@/app/_i18n/format-text";
import type { MethodName } from "@/contracts/records/episode";
import { readUpstreamFolder } from "@/core/upstream/tables";

/** What is imported in one request: the tables, or the rollouts, that share their files. */
interface ImportPart {
  label: string;
  kind: "predictions" | "rollouts";
  method: MethodName | null;
  /** For people: "nq: 120 with documents, 118 answered". */
  holds: string[];
  files: string[];
}

export interface RecognisedFolder {
  parts: ImportPart[];
  skipped: string[];
  problems: { path: string; reason: string }[];
}

/** "nq: 120 with documents, 118 answered". */
function describeTable(t: Text, dataset: string, withDocuments: number, answered: number): string {
  if (answered > 0)
    return withDocuments > 0
      ? t("{dataset}: {withDocuments} with documents, {answered} answered", {
          dataset,
          withDocuments,
          answered,
        })
      : t("{dataset}: {answered} answered", { dataset, answered });
  return withDocuments > 0
    ? t("{dataset}: {withDocuments} with documents, no answers, episodes only", {
        dataset,
        withDocuments,
      })
    : t("{dataset}: no answers, episodes only", { dataset });
}

/** Says what a folder holds before anything of it is sent. Pure. */
export function recognise(
  t: Text,
  files: readonly { path: string; content: string }[],
): RecognisedFolder {
  const { tables, rollouts, skipped, problems } = readUpstreamFolder(files);
  const parts = new Map<string, ImportPart>();
  for (const { label, dataset, method, files: paths, sequences, results } of tables) {
    const part = parts.get(label) ?? { label, kind: "predictions", method, holds: [], files: [] };
    parts.set(label, part);
    const [withDocuments, answered] = [Object.keys(sequences).length, Object.keys(results).length];
    part.holds.push(describeTable(t, dataset, withDocuments, answered));
    part.files.push(...paths.filter((path) => !part.files.includes(path)));
  }
  for (const { label, files: read } of rollouts) {
    const lines = read.reduce((sum, { file }) => sum + file.lines.length, 0);
    parts.set(`rollouts ${label}`, {
      label,
      kind: "rollouts",
      method: null,
      holds: [
        t("{episodes} episodes of training in {files, plural, one {# file} other {# files}}", {
          episodes: lines,
          files: read.length,
        }),
      ],
      files: read.map(({ path }) => path),
    });
  }
  return { parts: [...parts.values()], skipped, problems };
}
