import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { z } from "zod";
import { AppError, fromWireError } from "@/contracts/errors";
import { thinkingChoiceSchema, type Thinking } from "@/contracts/run-config/model";
import { parseJsonOrNull } from "@/lib/json";
import { PYTHON, ROOT } from "@/lib/paths.mjs";
import { loadTokenizer, type Tokenizer } from "@/gpu-workers/llm/model-files/tokenizer";

const messageSchema = z.object({
  role: z.enum(["system", "user", "assistant"]),
  content: z.string(),
});
const idsSchema = z.array(z.int());
const importedSchema = z.object({
  /** Folder that the model was found in. */
  path: z.string(),
  notes: z.array(z.string()),
  /** Texts and chats with their token ids by Python's tokenizer; null: the template refuses the chat. */
  probes: z.object({
    texts: z.array(z.object({ text: z.string(), ids: idsSchema })),
    chats: z.array(
      z.object({
        messages: z.array(messageSchema),
        thinking: thinkingChoiceSchema,
        ids: idsSchema.nullable(),
      }),
    ),
  }),
});
const refusedSchema = z.object({ error: z.object({ code: z.string(), message: z.string() }) });
type Imported = z.infer<typeof importedSchema>;

/**
 * Writes a model to `target`, which must not exist, once everything of it has been opened: its files, its weights
 * against transformers, its tokenizer and chat template against Python's.
 *
 * @param base of an adapter: folder of the model that it is for
 * @throws AppError with the reason where something cannot be computed exactly
 */
export async function importModel(
  source: string,
  base: string | null,
  target: string,
  signal: AbortSignal,
): Promise<Pick<Imported, "path" | "notes">> {
  const { probes, ...imported } = await runImport(
    [source, target, ...(base === null ? [] : ["--base", base])],
    signal,
  );
  await compareTokenizers(target, probes);
  return imported;
}

/**
 * Refuses what the configuration and the tokenizer of a folder already tell, so that weights need not be fetched for it.
 * @throws AppError with the reason
 */
export async function checkModelSettings(folder: string, signal: AbortSignal): Promise<void> {
  await runImport([folder, "--settings"], signal);
}

/** Runs engine/import_model.py, which says in one line of JSON what it did or why it did not. */
function runImport(args: string[], signal: AbortSignal): Promise<Imported> {
  return new Promise((accept, reject) => {
    const child = spawn(PYTHON, ["-m", "engine.import_model", ...args], {
      cwd: resolve(ROOT, "gpu-workers"),
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1", TOKENIZERS_PARALLELISM: "false" },
      stdio: ["ignore", "pipe", "pipe"],
      signal,
    });
    let [output, errors] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => (output += String(chunk)));
    child.stderr.on("data", (chunk: Buffer) => (errors = (errors + String(chunk)).slice(-4_000)));
    child.once("error", (cause) =>
      reject(
        signal.aborted
          ? (signal.reason as Error)
          : new AppError("engine-unavailable", `${PYTHON} could not be started`, { cause }),
      ),
    );
    child.once("close", () => {
      const said = parseJsonOrNull(output.trim().split("\n").at(-1) ?? "");
      const imported = importedSchema.safeParse(said);
      if (imported.success) return accept(imported.data);
      const refused = refusedSchema.safeParse(said);
      reject(
        refused.success
          ? fromWireError(refused.data.error)
          : new AppError("internal", `The import ended without a word: ${errors.trim()}`),
      );
    });
  });
}

/** @throws AppError "unsupported" where this process would give the model other tokens than Python */
async function compareTokenizers(folder: string, { texts, chats }: Imported["probes"]) {
  const tokenizer = await loadTokenizer(folder);
  const refuse = (what: string): never => {
    throw new AppError(
      "unsupported",
      `The model's ${what} here otherwise than by transformers, so it would be asked something else than what it was trained on.`,
    );
  };
  const different = (ids: readonly number[], wanted: readonly number[]): boolean =>
    ids.length !== wanted.length || ids.some((id, i) => id !== wanted[i]);
  for (const { text, ids } of texts)
    if (different(tokenizer.encode(text), ids))
      refuse(`tokenizer reads ${JSON.stringify(text.slice(0, 60))}`);
  const asked = new Map<Thinking, Tokenizer>();
  for (const thinking of new Set(chats.map((chat) => chat.thinking)))
    asked.set(thinking, await loadTokenizer(folder, thinking));
  for (const { messages, thinking, ids } of chats) {
    const { chat } = asked.get(thinking)!;
    const roles = messages.map(({ role }) => role).join(", ");
    if (ids === null) {
      if (canRender(() => chat.render(messages)))
        refuse(`chat template renders a chat of ${roles}`);
    } else if (different(tokenizer.encode(chat.render(messages)), ids))
      refuse(`chat template renders a chat of ${roles}`);
  }
}

function canRender(render: () => string): boolean {
  try {
    render();
    return true;
  } catch {
    return false;
  }
}
