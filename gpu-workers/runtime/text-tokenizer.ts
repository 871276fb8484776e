import { readFile } from "node:fs/promises";
import { Tokenizer } from "@huggingface/tokenizers";
import { AppError } from "@/contracts/errors";

/**
 * Text to token ids by the model's own tokenizer.json, cut to a maximum.
 *
 * The library's ids equal those of Python's `tokenizers` for every character but the two kinds mended here (both are
 * about JavaScript's strings) and about a thousand characters of scripts that joined Unicode later than the tables of
 * one of the two; encoder.integration.test.ts holds the list of what is compared.
 */
export class TextTokenizer {
  private constructor(
    private readonly tokenizer: Tokenizer,
    private readonly mend: (text: string) => string,
    /** Special tokens that end every text, e.g. [SEP]. */
    private readonly suffix: readonly number[],
    readonly padId: number,
    readonly maxTokens: number,
  ) {}

  static async load(
    tokenizerPath: string,
    configPath: string,
    maxTokens: number,
  ): Promise<TextTokenizer> {
    const { tokenizer, definition, padId } = await loadTokenizer(tokenizerPath, configPath);
    const bare = tokenizer.encode("a", { add_special_tokens: false }).ids;
    const full = tokenizer.encode("a").ids;
    const start = full.findIndex((_, i) => bare.every((id, k) => full[i + k] === id));
    const suffix = full.slice(start + bare.length);
    return new TextTokenizer(tokenizer, mendFor(definition), suffix, padId, maxTokens);
  }

  /** Ids with special tokens; at most `maxTokens`, the closing special tokens kept. */
  encode(text: string): number[] {
    const { ids } = this.tokenizer.encode(this.mend(text));
    if (ids.length <= this.maxTokens) return ids;
    return [...ids.slice(0, this.maxTokens - this.suffix.length), ...this.suffix];
  }

  /** How many tokens a prefix takes at the beginning of a text, opening special tokens included; 0 of an empty one. */
  countPrefix(prefix: string): number {
    return prefix === "" ? 0 : this.encode(prefix).length - this.suffix.length;
  }
}

/**
 * A model's tokenizer.json with its tokenizer_config.json, which a folder may lack: the padding's id is then that of
 * tokenizer.json, or 0 (masked tokens are not read). Throws `not-found` without a tokenizer.json, `invalid-input` where
 * one is no JSON.
 */
export async function loadTokenizer(
  tokenizerPath: string,
  configPath: string,
): Promise<{ tokenizer: Tokenizer; definition: TokenizerDefinition; padId: number }> {
  const definition = await readJson(tokenizerPath);
  if (!definition)
    throw new AppError(
      "not-found",
      `${tokenizerPath} is missing; bring it from the model's folder`,
    );
  const config = (await readJson(configPath)) ?? {};
  const tokenizer = createTokenizer(definition, config, tokenizerPath);
  const { pad_token: own } = config as { pad_token?: string | { content: string } | null };
  const { padding } = definition as { padding?: { pad_id?: number } | null };
  const token = typeof own === "string" ? own : own?.content;
  const padId = (token === undefined ? padding?.pad_id : tokenizer.token_to_id(token)) ?? 0;
  return { tokenizer, definition, padId };
}

function createTokenizer(definition: object, config: object, path: string): Tokenizer {
  try {
    return new Tokenizer(mendDefinition(definition) as object, config);
  } catch (cause) {
    throw new AppError("unsupported", `${path} is not read here: ${(cause as Error).message}`, {
      cause,
    });
  }
}

async function readJson(path: string): Promise<object | null> {
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return null;
    throw cause;
  });
  if (text === null) return null;
  try {
    return JSON.parse(text) as object;
  } catch (cause) {
    throw new AppError("invalid-input", `${path} is not JSON; bring the model's own again`, {
      cause,
    });
  }
}

export type TokenizerDefinition = {
  normalizer?: { type?: string; lowercase?: boolean; handle_chinese_chars?: boolean } | null;
};

/** Whitespace as Python's tokenizers have it; JavaScript's `\s` lacks U+0085 and has U+FEFF. */
const WHITESPACE =
  "\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const WORD = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\u200c\\u200d";

const splitBy = (regex: string, invert: boolean): object => ({
  type: "Split",
  pattern: { Regex: regex },
  behavior: invert ? "Removed" : "Isolated",
  invert,
});

/** The ways of splitting that the library does by ASCII or by JavaScript's whitespace, as expressions that are Python's. */
const SPLITS: Readonly<Record<string, (part: { individual_digits?: boolean }) => object>> = {
  Digits: ({ individual_digits: each }) => splitBy(each ? "\\p{N}" : "\\p{N}+", false),
  WhitespaceSplit: () => splitBy(`[^${WHITESPACE}]+`, true),
  Whitespace: () => splitBy(`[${WORD}]+|[^${WORD}${WHITESPACE}]+`, true),
};

/** A tokenizer.json, or a part of it, with the splits that the library does otherwise than Python put right. */
function mendDefinition(part: unknown, key = ""): unknown {
  if (typeof part !== "object" || part === null) return part;
  if (Array.isArray(part)) return part.map((item) => mendDefinition(item, key));
  const { type, pretokenizers } = part as { type?: string; pretokenizers?: unknown };
  if (key === "pre_tokenizer")
    return pretokenizers === undefined
      ? (SPLITS[type ?? ""]?.(part) ?? part)
      : { ...part, pretokenizers: mendDefinition(pretokenizers, key) };
  return "pre_tokenizer" in part
    ? { ...part, pre_tokenizer: mendDefinition(part.pre_tokenizer, "pre_tokenizer") }
    : part;
}

/** Ideographs beyond the basic plane (CJK extensions B to E, compatibility supplement): BERT makes each a word. */
const SUPPLEMENTARY_IDEOGRAPHS =
  /[\u{20000}-\u{2a6df}\u{2a700}-\u{2b81f}\u{2b920}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu;

/** What is to be done to a text before the library's tokenizer gets it. */
export function mendFor({ normalizer }: TokenizerDefinition): (text: string) => string {
  if (normalizer?.type !== "BertNormalizer") return (text) => text;
  return (text) => {
    let mended = text;
    // The library tests single UTF-16 units, which never match these.
    if (normalizer.handle_chinese_chars && /[\ud840-\ud87e]/.test(mended))
      mended = mended.replace(SUPPLEMENTARY_IDEOGRAPHS, " $& ");
    // JavaScript lower-cases a capital sigma by its place in the word, Python's tokenizers by itself.
    if (normalizer.lowercase) mended = mended.replaceAll("\u03a3", "\u03c3");
    return mended;
  };
}
