import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Template } from "@huggingface/jinja";
import { z } from "zod";
import { AppError } from "@/contracts/errors";
import type { Thinking } from "@/contracts/run-config/model";
import type { Message } from "@/contracts/run-config/prompt";
import { hashText } from "@/lib/hash";
import { parseJsonOrNull } from "@/lib/json";

type Chat = readonly Pick<Message, "role" | "content">[];

/** How a model reads a conversation as one text. */
export interface ChatTemplate {
  /**
   * Renders a chat up to where the model begins to write; a last message of the assistant's is continued.
   * @throws AppError "unsupported" where the model cannot be asked so
   */
  render(messages: Chat): string;
  /**
   * What the template adds to the keys of what is asked with messages of these roles. Undefined where it is ChatML, in
   * which every model was asked before templates were read: so what is stored of such models is found by its old keys.
   */
  describe(messages: Chat): string | undefined;
}

/** ChatML, the form of Qwen2.5 and SmolLM2. */
export const CHATML_TEMPLATE: ChatTemplate = {
  render: (messages) => continueReply(messages, renderClosedChatMl),
  describe: () => undefined,
};

const renderClosedChatMl = (messages: Chat): string =>
  messages.map(({ role, content }) => `<|im_start|>${role}\n${content}<|im_end|>\n`).join("") +
  "<|im_start|>assistant\n";

/** Templates end with the beginning of the assistant's turn; what the assistant has written of it follows. */
function continueReply(messages: Chat, render: (told: Chat) => string): string {
  const last = messages[messages.length - 1];
  return last?.role === "assistant"
    ? render(messages.slice(0, -1)) + last.content
    : render(messages);
}

const namedTokenSchema = z
  .union([z.string(), z.object({ content: z.string() }).transform(({ content }) => content)])
  .nullish();
const settingsSchema = z.looseObject({
  chat_template: z
    .union([z.string(), z.array(z.object({ name: z.string(), template: z.string() }))])
    .nullish(),
});

/** Special tokens that templates write by their names. */
const TOKEN_NAMES = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token"];

/**
 * Loads the chat template of a Hugging Face model folder: chat_template.jinja, else that of tokenizer_config.json. A
 * model without one is asked in ChatML if its tokenizer has ChatML's marks, and else not at all.
 *
 * @param hasToken whether the tokenizer has a token of this text
 * @param thinking what the template is told of thinking; "template": nothing
 * @throws AppError "unsupported" where the template has no switch for what is asked
 */
export async function loadChatTemplate(
  directory: string,
  hasToken: (text: string) => boolean,
  thinking: Thinking = "template",
): Promise<ChatTemplate> {
  const read = (file: string): Promise<string | null> =>
    readFile(join(directory, file), "utf8").catch(() => null);
  const [file, config] = await Promise.all([
    read("chat_template.jinja"),
    read("tokenizer_config.json"),
  ]);
  const settings = settingsSchema.catch({}).parse(parseJsonOrNull(config ?? "{}"));
  const { chat_template: told } = settings;
  const source =
    file ?? (Array.isArray(told) ? told.find(({ name }) => name === "default")?.template : told);
  if (
    thinking !== "template" &&
    !(typeof source === "string" && /\benable_thinking\b/.test(source))
  )
    throw new AppError(
      "unsupported",
      `The model's chat template has no switch for thinking (enable_thinking), so it cannot be turned ${thinking}. Set thinking to template.`,
    );
  if (typeof source === "string") {
    const enabled: Record<string, boolean> =
      thinking === "template" ? {} : { enable_thinking: thinking === "on" };
    return createTemplate(source, { ...readNamedTokens(settings), ...enabled });
  }
  return hasToken("<|im_start|>") && hasToken("<|im_end|>") ? CHATML_TEMPLATE : NO_TEMPLATE;
}

const refuse = (): never => {
  throw new AppError(
    "unsupported",
    "The model has no chat template, so it is no model that was trained to follow instructions. Choose one that was; or ask it without a chat: few-shot examples for the generator, guided decoding for the searcher.",
  );
};
const NO_TEMPLATE: ChatTemplate = { render: refuse, describe: refuse };

const readNamedTokens = (settings: Record<string, unknown>): Record<string, string> =>
  Object.fromEntries(
    TOKEN_NAMES.flatMap((name) => {
      const token = namedTokenSchema.catch(null).parse(settings[name]);
      return token ? [[name, token]] : [];
    }),
  );

/** A template in Jinja with what transformers gives it, and these values. The date that it may ask for is that of its loading. */
function createTemplate(source: string, values: Record<string, string | boolean>): ChatTemplate {
  const loadedAt = new Date();
  let parsed: Template | undefined;
  const renderClosed = (messages: Chat): string => {
    try {
      // The library's own strftime_now writes months in the language of this machine.
      parsed ??= new Template(source.replace(/\bstrftime_now\b/g, "date_of_loading"));
      return parsed.render({
        ...values,
        messages: messages.map(({ role, content }) => ({ role, content })),
        tools: null,
        documents: null,
        add_generation_prompt: true,
        date_of_loading: (format: string) => formatDate(loadedAt, format),
      });
    } catch (cause) {
      const roles = messages.map(({ role }) => role).join(", ");
      throw new AppError(
        "unsupported",
        `The model's chat template does not render a chat of ${roles}: ${(cause as Error).message}`,
        { cause },
      );
    }
  };
  const render = (messages: Chat): string => continueReply(messages, renderClosed);
  return {
    render,
    describe(messages) {
      // White space shows templates that trim, and thus differ from ChatML only now and then.
      const probe = messages.map(({ role }) => ({ role, content: " a\n\n b\n" }));
      const rendered = render(probe);
      return rendered === CHATML_TEMPLATE.render(probe)
        ? undefined
        : hashText(JSON.stringify([source, rendered])).slice(0, 8);
    },
  };
}

/** strftime as Python has it, for the parts of a date that chat templates write. */
function formatDate(date: Date, format: string): string {
  const [day, month] = [date.getDate(), date.getMonth()];
  const name = (length: "short" | "long"): string =>
    date.toLocaleString("en-US", { month: length });
  const two = (value: number): string => String(value).padStart(2, "0");
  const parts: Record<string, string> = {
    "%": "%",
    d: two(day),
    m: two(month + 1),
    b: name("short"),
    B: name("long"),
    Y: String(date.getFullYear()),
    y: two(date.getFullYear() % 100),
    H: two(date.getHours()),
    M: two(date.getMinutes()),
    S: two(date.getSeconds()),
    A: date.toLocaleString("en-US", { weekday: "long" }),
    a: date.toLocaleString("en-US", { weekday: "short" }),
  };
  return format.replace(/%(.)/g, (code, letter: string) => {
    const part = parts[letter];
    if (part === undefined) throw new Error(`it writes the date as ${code}`);
    return part;
  });
}
