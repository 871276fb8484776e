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

/** Says what a folder holds before anything of it is sent. Pure. */
export function recognise(files: readonly { path: string; content: string }[]): RecognisedFolder {
  const { tables, rollouts, skipped, problems } = readUpstreamFolder(files);
  const parts = new Map<string, ImportPart>();
  for (const { label, dataset, method, files: paths, sequences, results } of tables) {
    const part = parts.get(label) ?? { label, kind: "predictions", method, holds: [], files: [] };
    parts.set(label, part);
    const [withDocuments, answered] = [Object.keys(sequences).length, Object.keys(results).length];
    part.holds.push(
      `${dataset}: ${[withDocuments > 0 ? `${withDocuments} with documents` : null, answered > 0 ? `${answered} answered` : "no answers, episodes only"].filter((text) => text !== null).join(", ")}`,
    );
    part.files.push(...paths.filter((path) => !part.files.includes(path)));
  }
  for (const { label, files: read } of rollouts) {
    const lines = read.reduce((sum, { file }) => sum + file.lines.length, 0);
    parts.set(`rollouts ${label}`, {
      label,
      kind: "rollouts",
      method: null,
      holds: [
        `${lines} episodes of training in ${read.length} ${read.length === 1 ? "file" : "files"}`,
      ],
      files: read.map(({ path }) => path),
    });
  }
  return { parts: [...parts.values()], skipped, problems };
}
