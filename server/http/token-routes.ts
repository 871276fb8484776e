import { readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import type { Tokenizer } from "@huggingface/tokenizers";
import { z } from "zod";
import { parseJsonOrNull } from "@/lib/json";
import { getModelDir } from "@/lib/paths.mjs";
import { readBody } from "./request-body";

const MAX_BODY_BYTES = 1024 * 1024;

const requestSchema = z.object({
  model: z.string().regex(/^[a-z0-9][a-z0-9._-]*$/i, "not the name of an installed model"),
  ids: z.array(z.int().nonnegative()).max(20_000),
});

const tokenizers = new Map<string, Promise<Tokenizer>>();

async function loadTokenizer(model: string): Promise<Tokenizer> {
  const read = async (file: string): Promise<object> =>
    JSON.parse(await readFile(join(getModelDir(model), file), "utf8")) as object;
  const { Tokenizer } = await import("@huggingface/tokenizers");
  return new Tokenizer(
    await read("tokenizer.json"),
    await read("tokenizer_config.json").catch(() => ({})),
  );
}

export const isTokenPath = (pathname: string): boolean => pathname === "/tokens";

/**
 * POST /tokens takes `{model, ids}` and answers `{texts}`, the text of each token id by the installed model's vocabulary.
 * 400: not such a body; 404: the model is not on this machine; 405: not a POST.
 */
export async function serveTokens(
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const answer = (status: number, body: string, type = "text/plain; charset=utf-8"): void =>
    void response.writeHead(status, { "content-type": type }).end(body);
  if (request.method !== "POST") return answer(405, "tokens are asked for by POST");
  const body = await readBody(request, MAX_BODY_BYTES).catch(() => null);
  const parsed = requestSchema.safeParse(parseJsonOrNull(body?.toString() ?? ""));
  if (!parsed.success) return answer(400, "expected {model, ids}");
  const { model, ids } = parsed.data;
  try {
    let tokenizer = tokenizers.get(model);
    if (!tokenizer) tokenizers.set(model, (tokenizer = loadTokenizer(model)));
    const ready = await tokenizer;
    const texts = ids.map((id) =>
      ready.decode([id], { skip_special_tokens: false, clean_up_tokenization_spaces: false }),
    );
    answer(200, JSON.stringify({ texts }), "application/json");
  } catch {
    tokenizers.delete(model);
    answer(404, `the tokenizer of ${model} is not on this machine`);
  }
}
