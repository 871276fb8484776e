import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import { z } from "zod";
import { modelDir } from "@/lib/paths";

/** Text of token ids, for the token view. Stateless: reads the installed model's vocabulary, which never changes. */
const requestSchema = z.object({
  model: z.string().regex(/^[a-z0-9][a-z0-9._-]*$/i, "not the name of an installed model"),
  ids: z.array(z.int().nonnegative()).max(20_000),
});

const loaded = new Map<string, Promise<Tokenizer>>();

async function loadTokenizer(model: string): Promise<Tokenizer> {
  const read = async (file: string): Promise<object> =>
    JSON.parse(await readFile(join(modelDir(model), file), "utf8")) as object;
  return new Tokenizer(
    await read("tokenizer.json"),
    await read("tokenizer_config.json").catch(() => ({})),
  );
}

export async function POST(incoming: Request): Promise<Response> {
  const parsed = requestSchema.safeParse(await incoming.json().catch(() => null));
  if (!parsed.success) return new Response("expected {model, ids}", { status: 400 });
  const { model, ids } = parsed.data;
  try {
    let tokenizer = loaded.get(model);
    if (!tokenizer) loaded.set(model, (tokenizer = loadTokenizer(model)));
    const ready = await tokenizer;
    return Response.json({
      texts: ids.map((id) =>
        ready.decode([id], { skip_special_tokens: false, clean_up_tokenization_spaces: false }),
      ),
    });
  } catch {
    loaded.delete(model);
    return new Response(`the tokenizer of ${model} is not on this machine`, { status: 404 });
  }
}
