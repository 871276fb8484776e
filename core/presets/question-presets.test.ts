import { expect, it } from "vitest";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { requirementsFor } from "@/core/run/requirements";
import { describeFetchCommand, QUESTION_PRESETS } from "./question-presets";
import { PRESETS } from "./run-presets";

it("every preset asks questions that the set-up or `questions fetch` brings", () => {
  const named = PRESETS.flatMap(({ id, config }) =>
    requirementsFor(runConfigSchema.parse(config)).questions.map((set) => [id, set] as const),
  );
  expect(named.filter(([id]) => id.startsWith("paper-")).map(([, set]) => set)).toContain(
    "s3-processed-data/test_e5_s3",
  );
  for (const [id, set] of named)
    if (!["atlas/train", "atlas/held-out"].includes(set))
      expect(describeFetchCommand(set), `${id}: ${set}`).toBe(
        "`npm run s3 -- questions fetch s3-processed-data` downloads it (0.6 GiB)",
      );
  expect(describeFetchCommand("mine/train_e5_s3")).toBeNull();
});

it("a preset's description names each of its sets", () => {
  for (const { sets, description } of Object.values(QUESTION_PRESETS))
    for (const set of sets) expect(description).toContain(set);
});
