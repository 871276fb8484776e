import { describe, expect, it } from "vitest";
import { methodNameSchema } from "@/contracts/records/episode";
import {
  buildConfig,
  describeOnSets,
  openServices,
  runAndCheck,
  type RealSet,
} from "./testing/methods-on-sets";

/** The set with options and answers by letter; methods.long.test.ts has the others. */
const SETS: readonly RealSet[] = ["pubmedqa"];
openServices(SETS);

describe("every method on the embedded default", () => {
  it.each(methodNameSchema.options)(
    "%s answers two questions of Atlas",
    async (method) => {
      // Greedy texts of a small model rarely end by themselves: as long as it takes for a query or an answer.
      const { methodSettings } = buildConfig(method, {});
      const maxTokens = Math.min(32, methodSettings.maxTokens ?? Infinity);
      const records = await runAndCheck(
        buildConfig(method, { limit: 2, methodSettings: { ...methodSettings, maxTokens } }),
      );
      expect(records).toHaveLength(2);
    },
    400_000,
  ); // A machine that is busy with other work takes minutes.
});

describeOnSets(SETS);
