import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Message } from "@/contracts/run-config/prompt";
import { resolveInRoot, PYTHON } from "@/lib/paths.mjs";
import { CHATML_TEMPLATE } from "./chat-template";
import { loadTokenizer } from "./tokenizer";

/** Tokenizers and chat templates against Python's: cases 65 and 77 of ../shared/cases. */

interface Probes {
  texts: string[];
  families: Record<string, number[][]>;
  chats: Message[][];
  templates: Record<string, (number[] | null)[]>;
}
let folder: string;
let probes: Probes;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tokenizers-"));
  const script = resolveInRoot(
    "gpu-workers",
    "llm",
    "model-files",
    "testing",
    "make_tokenizers.py",
  );
  await promisify(execFile)(PYTHON, [script, folder]);
  probes = JSON.parse(await readFile(join(folder, "probes.json"), "utf8")) as Probes;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("a tokenizer", () => {
  it.each([
    "qwen",
    "llama3",
    "smollm",
    "llama2",
    "llama2-metaspace",
    "xlm-r",
    "bert-cased",
    "bert-uncased",
  ])("of the family %s gives Python's ids for odd texts", async (family) => {
    const tokenizer = await loadTokenizer(join(folder, "families", family));
    const wanted = probes.families[family]!;
    expect(wanted).toHaveLength(3000);
    const different = probes.texts.flatMap((text, i) => {
      const ids = tokenizer.encode(text);
      return ids.join() === wanted[i]!.join() ? [] : [{ text, ids, wanted: wanted[i] }];
    });
    expect(different).toEqual([]);
  });
});

const load = (template: string) => loadTokenizer(join(folder, "templates", template));

describe("a chat template", () => {
  it.each([
    "llama3",
    "llama3.2",
    "llama2",
    "mistral",
    "zephyr",
    "deepseek-r1",
    "qwen2.5",
    "chatml",
    "chatml-trimmed",
  ])("as of %s gives the ids of transformers, or refuses where it does", async (name) => {
    const tokenizer = await load(name);
    const wanted = probes.templates[name]!;
    expect(wanted.filter((ids) => ids !== null).length).toBeGreaterThan(1);
    probes.chats.forEach((messages, i) => {
      if (wanted[i] === null)
        expect(() => tokenizer.chat.render(messages)).toThrow(
          /does not render a chat of system, user/,
        );
      else expect(tokenizer.encode(tokenizer.chat.render(messages))).toEqual(wanted[i]);
    });
  });

  it("is followed by what the assistant has written of its turn", async () => {
    const { chat } = await load("llama3");
    const [, told] = probes.chats;
    const begun: Message = { role: "assistant", content: " It is" };
    expect(chat.render([...told!, begun])).toBe(`${chat.render(told!)} It is`);
  });

  it("adds to keys what differs from ChatML, and nothing else", async () => {
    const [withSystem, withoutSystem] = probes.chats;
    const describeBoth = async (name: string) => {
      const { chat } = await load(name);
      return [withSystem!, withoutSystem!].map((messages) => chat.describe(messages));
    };
    const hash = expect.stringMatching(/^[0-9a-f]{8}$/) as string;
    expect(await describeBoth("chatml")).toEqual([undefined, undefined]);
    expect(await describeBoth("none")).toEqual([undefined, undefined]);
    expect(await describeBoth("qwen2.5")).toEqual([undefined, hash]);
    expect(await describeBoth("chatml-trimmed")).toEqual([hash, hash]);
    expect(await describeBoth("llama3")).toEqual([hash, hash]);
    expect(await describeBoth("llama3")).toEqual(await describeBoth("llama3"));
    expect(new Set(await describeBoth("llama3")).size).toBe(2);
  });

  it("that a model lacks is ChatML only where its tokenizer has ChatML's marks", async () => {
    const [messages] = probes.chats;
    expect((await load("none")).chat.render(messages!)).toBe(CHATML_TEMPLATE.render(messages!));
    const { chat } = await load("none-without-marks");
    expect(() => chat.render(messages!)).toThrow(/has no chat template/);
    expect(() => chat.describe(messages!)).toThrow(/has no chat template/);
  });
});
