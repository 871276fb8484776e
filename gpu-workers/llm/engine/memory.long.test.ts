import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { getModelDir, PYTHON } from "@/lib/paths.mjs";
import {
  buildTrialDatum,
  createTokenDraw,
  planTrialBytes,
  readPeakBytes,
  TRIAL_MODEL,
  withTrialModel,
  type TrialWork,
} from "./testing/trial-engine";

const installed = existsSync(PYTHON) && existsSync(join(getModelDir(TRIAL_MODEL), "config.json"));
/** What is measured may differ from the estimate by this share. */
const TOLERANCE = 0.25;
const SAMPLED = 16;

type Work = Omit<TrialWork, "cacheBytes" | "isWhole" | "shardsBase"> &
  Partial<Pick<TrialWork, "shardsBase">> & { what: string };

/** One step of training on random tokens, as a run does it; the peak of resident memory, of several ranks the largest. */
const measure = (work: TrialWork): Promise<number> =>
  withTrialModel(work, async (model, client) => {
    const { ranks, questions, groupSize, promptTokens, contextTokens } = work;
    await model.snapshot("reference");
    const draw = createTokenDraw();
    const written = contextTokens - promptTokens;
    const sequences = Array.from({ length: questions }, () => draw(promptTokens)).flatMap((ids) =>
      Array.from({ length: groupSize }, (_, s) => ({
        ids: [...ids, 50 + s, ...draw(written - SAMPLED - 1)],
        maxTokens: SAMPLED,
        temperature: 1,
        seed: s,
      })),
    );
    const sampled = await model.sample({ adapter: true, sequences });
    const data = sequences.map(({ ids }, i) => {
      const chosen = sampled.sequences[i]![0]!.ids;
      return buildTrialDatum([...ids, ...chosen], ids.length, chosen.length);
    });
    const { referenceLogprobs } = await model.forward({
      adapter: true,
      data,
      reference: "reference",
    });
    expect(referenceLogprobs).toHaveLength(data.length);
    await model.forwardBackward({ loss: "ppo", data });
    const stepped = await model.optimStep({ learningRate: 1e-4 });
    expect(stepped.ranks ?? []).toHaveLength(ranks > 1 ? ranks : 0);
    return readPeakBytes(client, stepped);
  });

describe.skipIf(!installed)(
  `the memory estimate against the engine with ${TRIAL_MODEL} (needs the set-up's Python and model)`,
  () => {
    it.each<Work>([
      {
        what: "the default preset's step: upper third of the layers, short texts",
        firstLayer: 20,
        questions: 8,
        groupSize: 4,
        promptTokens: 120,
        contextTokens: 220,
        ranks: 1,
        tuning: "lora",
      },
      {
        what: "all layers, contexts of 1,024 tokens",
        firstLayer: 0,
        questions: 1,
        groupSize: 4,
        promptTokens: 512,
        contextTokens: 1024,
        ranks: 1,
        tuning: "lora",
      },
      {
        what: "two ranks with an adapter on all layers",
        firstLayer: 0,
        questions: 2,
        groupSize: 4,
        promptTokens: 256,
        contextTokens: 512,
        ranks: 2,
        tuning: "lora",
      },
      {
        what: "two ranks with an adapter on all layers, each with its share of the base",
        firstLayer: 0,
        questions: 2,
        groupSize: 4,
        promptTokens: 256,
        contextTokens: 512,
        ranks: 2,
        tuning: "lora",
        shardsBase: true,
      },
      {
        what: "two ranks that train all weights",
        firstLayer: 0,
        questions: 2,
        groupSize: 4,
        promptTokens: 120,
        contextTokens: 220,
        ranks: 2,
        tuning: "full",
      },
      {
        what: "two ranks that train the weights of the upper third",
        firstLayer: 20,
        questions: 1,
        groupSize: 4,
        promptTokens: 120,
        contextTokens: 220,
        ranks: 2,
        tuning: "full",
      },
    ])("$what", async ({ what: _, ...demand }) => {
      const work = { shardsBase: false, ...demand, cacheBytes: 2 ** 30, isWhole: true };
      const measured = await measure(work);
      const estimated = planTrialBytes(work);
      expect(
        Math.abs(estimated / measured - 1),
        `estimated ${estimated}, measured ${measured}`,
      ).toBeLessThan(TOLERANCE);
    });
  },
);
