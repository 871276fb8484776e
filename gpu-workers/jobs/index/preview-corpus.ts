import { open } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@/contracts/errors";
import type { CorpusPreviewResult } from "@/contracts/worker-protocol/tasks";
import { CONTAINER_HEAD_BYTES, detectContainer } from "@/core/reading/containers";
import type { CorpusItem } from "@/core/corpora/read-corpus-records";
import { createRoundedIdsState, noteRoundedId } from "@/core/reading/rounded-ids";
import { fetchSource } from "@/gpu-workers/corpora/import/fetch-source";
import { describeRoundedIds } from "@/gpu-workers/corpora/import/import-corpus";
import { listImportRoots } from "@/gpu-workers/corpora/import/import-roots";
import { readSource } from "@/gpu-workers/corpora/import/read-source";
import { chooseFiles, type InputFile } from "@/gpu-workers/corpora/import/source-files";
import type { TaskContext, TaskOf } from "@/gpu-workers/jobs/context/task-context";
import { markMessage } from "@/core/texts/mark-message";

/** How much of a file is read: so many of its bytes, and of what they hold so many lines, rows or passages. */
const HEAD_BYTES = 2 * 2 ** 20;
const MAX_ITEMS = 200;
const SHOWN_DOCUMENTS = 5;
const SHOWN_CHARACTERS = 300;
/** A person waits for it. */
const LIMITS = { silenceMs: 60_000 };

/**
 * Says what the beginning of a source holds, opened and read as its import would do it. Nothing is kept.
 *
 * @throws AppError as the import would, "unsupported" for a source whose form is known
 */
export const createCorpusPreviewer =
  (dataDir: string) =>
  async (
    { source }: Pick<TaskOf<"corpus-preview">, "source">,
    context: Pick<TaskContext, "signal" | "workDir" | "reportProgress" | "fetchUpload">,
  ): Promise<CorpusPreviewResult> => {
    if (source.kind === "installed" || source.kind === "preset")
      throw new AppError(
        "unsupported",
        "How this corpus is read is known; an upload, a path or an address can be previewed.",
      );
    const { signal, workDir, reportProgress, fetchUpload } = context;
    const { files, reading, from } = await fetchSource(source, {
      folder: join(workDir, "files"),
      importRoots: listImportRoots(dataDir),
      signal,
      onProgress: (detail, done, total) => reportProgress(detail, total > 0 ? done / total : 0),
      fetchUpload,
      headBytes: HEAD_BYTES,
    });
    const chosen = chooseFiles(files, reading.format, from);
    const file = chosen.files.find(({ bytes }) => bytes > 0);
    if (!file) throw new AppError("invalid-input", `${from} holds no passage at all.`);
    if (source.kind === "url") await requireReadableBeginning(file);
    reportProgress(markMessage`reading ${file.name}`, 1);
    const { found, items, isEnd } = await readBeginning(file, chosen.format, reading, signal);
    const documents = items.flatMap(({ record }) => (record ? [record] : []));
    return {
      file: file.name,
      files: chosen.files.length,
      reading: found,
      read: items.length,
      isWhole: isEnd && chosen.files.length === 1,
      documents: documents.slice(0, SHOWN_DOCUMENTS).map(({ id, title, text }) => ({
        id,
        title: cut(title),
        text: cut(text),
      })),
      problems: items.flatMap(({ line, problem }) =>
        problem === null ? [] : [{ file: file.name, line, reason: problem }],
      ),
      warnings: findRoundedIds(file.name, items),
    };
  };

function findRoundedIds(file: string, items: readonly CorpusItem[]): BadLine[] {
  const state = createRoundedIdsState<Pick<BadLine, "file" | "line">>();
  for (const { line, record } of items) if (record) noteRoundedId(state, record.id, { file, line });
  return describeRoundedIds(state).first;
}

type BadLine = CorpusPreviewResult["problems"][number];
type SourceRequest = Parameters<typeof readSource>[0];

async function readBeginning(
  file: InputFile,
  format: SourceRequest["format"],
  reading: SourceRequest["reading"],
  signal: AbortSignal,
) {
  const request = {
    files: [file],
    format,
    reading,
    from: { file: 0, item: 0 },
    headBytes: HEAD_BYTES,
  };
  let found: CorpusPreviewResult["reading"] | undefined;
  const items: CorpusItem[] = [];
  for await (const batch of readSource(request, signal, LIMITS)) {
    found ??= batch.found;
    items.push(...batch.items);
    if (items.length > MAX_ITEMS) break;
  }
  if (!found) throw new AppError("internal", `${file.name}: its reader said nothing of it.`);
  const isEnd = items.length <= MAX_ITEMS && (file.bytes <= HEAD_BYTES || found.form === "parquet");
  return { found, items: items.slice(0, MAX_ITEMS), isEnd };
}

/** Of an address the beginning was fetched; what parquet holds stands at the end. */
async function requireReadableBeginning({ path, name, bytes }: InputFile): Promise<void> {
  if (bytes <= HEAD_BYTES) return;
  const handle = await open(path, "r");
  try {
    const head = Buffer.alloc(CONTAINER_HEAD_BYTES);
    await handle.read(head, 0, head.length, 0);
    if (detectContainer(head) === "parquet")
      throw new AppError(
        "unsupported",
        `${name} is parquet of more than ${HEAD_BYTES / 2 ** 20} MiB, which is read from its end; of an address only the beginning is fetched. Import it, or bring the file to see it before.`,
      );
  } finally {
    await handle.close();
  }
}

/** A text, or its beginning, never half of a character. */
const cut = (text: string): string =>
  text.length <= SHOWN_CHARACTERS
    ? text
    : `${text.slice(0, SHOWN_CHARACTERS).replace(/[\ud800-\udbff]$/, "")}…`;
