import { execFile } from "node:child_process";
import { cpSync, existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Command } from "commander";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { predictConfigSchema } from "@/contracts/run-config/predict-config";
import type { Message } from "@/contracts/run-config/prompt";
import { resolveInRoot, getModelDir, PYTHON, SETUP_DIR } from "@/lib/paths.mjs";
import type { EngineClient } from "@/gpu-workers/llm/engine/client";
import { openGenerator } from "@/gpu-workers/llm/generator/open-generator";
import { loadTokenizer } from "@/gpu-workers/llm/model-files/tokenizer";
import { openJudge } from "@/gpu-workers/llm/scoring/judge";
import { openOwnModel } from "@/gpu-workers/methods/open-method";
import { selectPrompt } from "@/gpu-workers/searcher/prompt";
import { addCheckpointCommands } from "./checkpoint";
import { CASES_DIR } from "@/lib/testing/shared";

/** `checkpoint import`: cases 65, 85 and 86 of ../shared/cases by the command; the engine's tests have the others. */

// Models are found by their names, so they are installed in a setup folder of this test's own.
const installed = await vi.hoisted(async () => {
  const [{ mkdtempSync }, os, path] = await Promise.all([
    import("node:fs"),
    import("node:os"),
    import("node:path"),
  ]);
  const before = process.env.S3_SETUP_DIR ?? ".setup";
  process.env.S3_SETUP_DIR = mkdtempSync(path.join(os.tmpdir(), "import-"));
  return path.resolve(before, "models", "smollm2-135m-instruct");
});

const run = promisify(execFile);
const runPython = (code: string, ...args: string[]) =>
  run(PYTHON, ["-c", code, ...args], { cwd: resolveInRoot("gpu-workers") });
const SAVE_TINY = `
import sys, torch
from pathlib import Path
from transformers import LlamaConfig, LlamaForCausalLM
from engine.models.tiny_model import save_tokenizer
folder, vocabulary = Path(sys.argv[1]), int(sys.argv[2])
torch.manual_seed(7)
LlamaForCausalLM(LlamaConfig(vocab_size=vocabulary, hidden_size=48, intermediate_size=96,
    num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=2, eos_token_id=2,
    max_position_embeddings=4096, initializer_range=0.3)).save_pretrained(folder)
save_tokenizer(folder)
`;
const checkpoint = (...words: string[]): Promise<unknown> => {
  const program = new Command().exitOverride();
  addCheckpointCommands(program);
  return program.parseAsync(["checkpoint", ...words], { from: "user" });
};

let work: string;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "import-work-"));
  await runPython(SAVE_TINY, join(work, "models", "tiny-optimizer-ablation"), "320");
});
afterAll(async () => {
  await rm(work, { recursive: true, force: true });
  await rm(SETUP_DIR, { recursive: true, force: true });
});

describe("an import", () => {
  it("installs a folder of any name, and leaves nothing where it is refused", async () => {
    const source = join(work, "models", "tiny-optimizer-ablation");
    await checkpoint("import", source, "--name", "ablation");
    expect(await readdir(join(SETUP_DIR, "models"))).toEqual(["ablation"]);
    const broken = join(work, "models", "lfs");
    cpSync(source, broken, { recursive: true });
    await writeFile(
      join(broken, "model.safetensors"),
      "version https://git-lfs.github.com/spec/v1\noid sha256:0f\nsize 26889632\n",
    );
    await expect(checkpoint("import", broken, "--name", "lfs")).rejects.toMatchObject({
      code: "invalid-input",
      message: expect.stringContaining("Git LFS pointer") as string,
    });
    expect(await readdir(join(SETUP_DIR, "models"))).toEqual(["ablation"]);
    await expect(checkpoint("import", source, "--name", "ablation")).rejects.toThrow(/already/);
    await expect(checkpoint("import", source, "--name", ".hidden")).rejects.toThrow(/letters/);
    await expect(
      checkpoint("import", source, "--name", "other", "--base", "nowhere"),
    ).rejects.toThrow(/not installed/);
  });

  it("refuses a chat template that would be rendered otherwise than by transformers", async () => {
    const source = join(work, "models", "odd-template");
    cpSync(join(work, "models", "tiny-optimizer-ablation"), source, { recursive: true });
    await writeFile(
      join(source, "chat_template.jinja"),
      "{% for m in messages %}{{ m.content.encode('utf-8').hex() }}{% endfor %}",
    );
    await expect(checkpoint("import", source, "--name", "odd")).rejects.toThrow(/chat template/);
    expect(existsSync(getModelDir("odd"))).toBe(false);
  });
});

const script = join(CASES_DIR, "65-chat-template", "mkllama3.py");
describe.skipIf(!existsSync(script) || !existsSync(installed))(
  "a model whose template is not ChatML (skipped without ../shared/cases or the default model)",
  () => {
    const NAME = "bug-llama3chat";
    const open = (role: string): string => `<|start_header_id|>${role}\n\n`;
    const render = (messages: readonly Message[]): string =>
      messages.map(({ role, content }) => `${open(role)}${content}<|eot_id|>`).join("") +
      open("assistant");

    /** An engine that keeps the ids that it is asked with. */
    const asked: number[][] = [];
    const model = {
      info: { maxLength: 4096, library: null },
      getWeightsHash: () => Promise.resolve({ hash: "hash", step: 0 }),
      sample: ({ sequences }: { sequences: { ids: number[] }[] }) => {
        asked.push(...sequences.map(({ ids }) => ids));
        const sampled = { ids: [5], text: "yes", logprobs: [0], finishReason: "stop" };
        return Promise.resolve({ sequences: sequences.map(() => [sampled]) });
      },
    };
    const engine = {
      getCapabilities: () => Promise.resolve({ fingerprint: "engine" }),
      createModel: () => Promise.resolve(model),
    } as unknown as EngineClient;
    const { signal } = new AbortController();
    const lastAsked = async (): Promise<string> =>
      (await loadTokenizer(getModelDir(NAME))).decode(asked.at(-1)!);

    beforeAll(async () => {
      await mkdir(join(work, ".setup", "models"), { recursive: true });
      await symlink(installed, join(work, ".setup", "models", "smollm2-135m-instruct"));
      const base = join(work, "models", "base");
      await runPython(SAVE_TINY, base, "49152");
      for (const file of await readdir(installed))
        if (/^(tokenizer|chat_template)/.test(file))
          cpSync(join(installed, file), join(base, file));
      await run(PYTHON, [script], { cwd: work });
      await checkpoint("import", join(work, "models", "llama3chat"), "--name", NAME);
    });

    it("is asked in its own form by generator, judge, methods and searcher", async () => {
      const searcher = { model: NAME };
      const config = predictConfigSchema.parse({
        kind: "predict",
        name: "n",
        method: "cot",
        searcher,
        generator: { model: NAME, promptStyle: "chat" },
        judge: { model: NAME },
      });
      const store = {
        findAnswers: () => Promise.resolve(new Map()),
        saveAnswers: () => Promise.resolve(),
      };
      const documents = [{ title: "T", text: "Quito is the capital.", hash: "h" }];
      const generator = await openGenerator(engine, config.generator, store, signal);
      await generator.answer([{ question: "Where?", documents }], signal);
      expect(await lastAsked()).toMatch(/^<\|start_header_id\|>system\n\nAnswer the user's/);
      expect(await lastAsked()).toMatch(/user\n\nWhere\?<\|eot_id\|><\|start_header_id\|>assist/);

      const judge = await openJudge(config.judge, engine, {}, signal);
      expect(judge.id).toMatch(new RegExp(`^1 ${NAME} [0-9a-f]{8}$`));
      await judge.judge([{ question: "Where?", golds: ["Quito"], answer: "Quito" }], signal);
      expect(await lastAsked()).toMatch(/^<\|start_header_id\|>system\n\nYou grade answers/);

      const context = { signal, fetchCheckpoint: () => Promise.reject(new Error("none")) };
      const own = await openOwnModel(config, context, engine);
      if (own?.kind !== "text") throw new Error("a method asks for text");
      const messages: Message[] = [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Hi" },
      ];
      const sampling = { stop: [], maxTokens: 8, temperature: 0, seed: 1 };
      await own.model.reply({ messages, ...sampling }, signal);
      expect(await lastAsked()).toBe(render(messages));

      const { chat } = await loadTokenizer(getModelDir(NAME));
      const prompt = selectPrompt({ decoding: "free" });
      const start = prompt.renderStart("Where?", documents, config.search, chat);
      expect(start).toMatch(/^<\|start_header_id\|>system\n\nYou are a careful research/);
      expect(prompt.describeChat(chat)).toMatch(/^[0-9a-f]{8}$/);
      for (const ids of asked)
        expect((await loadTokenizer(getModelDir(NAME))).decode(ids)).not.toContain("<|im_");
      expect(start).not.toContain("<|im_");
    });

    it("reads its marks as the tokens that they are", async () => {
      const model = await loadTokenizer(getModelDir(NAME));
      const tokenizer = JSON.parse(
        await readFile(join(getModelDir(NAME), "tokenizer.json"), "utf8"),
      ) as { added_tokens: { id: number; content: string }[] };
      const findTokenId = (content: string) =>
        tokenizer.added_tokens.find((token) => token.content === content)!.id;
      const ids = model.encode(model.chat.render([{ role: "user", content: "Hi" }]));
      expect(ids[0]).toBe(findTokenId("<|start_header_id|>"));
      expect(ids.filter((id) => id === findTokenId("<|eot_id|>"))).toHaveLength(1);
    });
  },
);
