import { expect, it } from "vitest";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { toPredictConfig } from "@/core/run/predict-config";
import { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import { Stopwatch } from "@/gpu-workers/runtime/stopwatch";
import {
  retriever,
  createScriptedSearcher,
  tokenizer,
} from "@/gpu-workers/searcher/testing/scripted-searcher";
import type { ModelMethod } from "@/gpu-workers/searcher/method";
import type { Policy } from "@/gpu-workers/rl/policy";
import { openEpisodeSource } from "./open-source";

const S3 = "--- user ---\nMINE {question}\n{information}";
const question = {
  id: "q",
  question: "Who?",
  answers: ["Ann"],
  goldIds: ["d0"],
  goldQueries: [],
  type: null,
  group: null,
};

const openSource = (settings: object) => {
  const config = trainConfigSchema.parse({ kind: "train", name: "t", ...settings });
  const source = openEpisodeSource(config, retriever as never, new DocumentStore());
  return { config, source };
};

/** The prompt that the model of a training run reads first. */
async function readPrompt(settings: object, text: string): Promise<string> {
  const prompts: string[] = [];
  const { searcher } = createScriptedSearcher((prompt) => {
    prompts.push(prompt);
    return { text };
  });
  await openSource(settings).source.play(
    searcher,
    { seed: 0, step: 1, training: true, temperature: 1 },
    [{ question, sampleIndex: 0 }],
    new Stopwatch(),
    new AbortController().signal,
  );
  return prompts[0]!;
}

const STOP = "<important_info>[1]</important_info>\n<search_complete>True</search_complete>";

it.each(["paper", "upstream"] as const)(
  "s3 under `%s` is trained with a prompt of one's own",
  async (protocol) => {
    const search = { protocol, decoding: "free" };
    const prompt = await readPrompt({ search, searcher: { promptTemplate: S3 } }, STOP);
    expect(prompt).toContain("<|im_start|>user\nMINE Who?\n<information>\nDoc 1");
    expect(await readPrompt({ search }, STOP)).not.toContain("MINE");
  },
);

it("has it in demonstrations, in held-out episodes, and in predict runs made of it", async () => {
  const search = { decoding: "free" };
  const { config, source } = openSource({ search, searcher: { promptTemplate: S3 } });
  const policy = { model: {}, tokenizer } as Policy;
  const signal = new AbortController().signal;
  const [sequence] = await source.demonstrate([question], policy, signal);
  expect(tokenizer.decode(sequence!.ids)).toContain("MINE Who?");
  const { searcher } = createScriptedSearcher(() => ({ text: STOP }));
  const getKey = ({ source }: ReturnType<typeof openSource>) =>
    (source.createEvaluatedMethod(searcher) as ModelMethod).computeEpisodeKey(question);
  expect(getKey({ config, source })).not.toBe(getKey(openSource({ search })));
  expect(toPredictConfig(config).methodSettings.promptTemplate).toBe(S3);
});

it("baselines are trained with a prompt of one's own, of their placeholders", async () => {
  const weights = { gbr: 0, exactMatch: 1 };
  const settings = (promptTemplate: string) => ({
    method: "r1",
    reward: { weights },
    searcher: { promptTemplate },
  });
  expect(
    await readPrompt(settings("--- user ---\nMINE {question}"), "<answer> a </answer>"),
  ).toContain("MINE Who?");
  expect(() => openSource(settings(S3))).toThrow(
    /searcher.*promptTemplate.*\{information\} is no placeholder/s,
  );
});
