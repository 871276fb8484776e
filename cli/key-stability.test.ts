import { Command } from "commander";
import { collectInTurn, testRecorded } from "@/lib/testing/recorded";
import { addSweepCommands } from "./commands/sweep";

/** The key under which the command line launches a sweep: the same words find the sweep that they launched before. */
async function computeSweepKey(...words: string[]): Promise<string> {
  let launchedBy = "";
  const mutate = ({ key }: { key: string }) => {
    launchedBy = key;
    return Promise.resolve({
      id: "00000000-0000-4000-8000-000000000001",
      runs: 1,
      isNew: true,
    });
  };
  const program = new Command();
  addSweepCommands(program, {
    client: { sweeps: { launch: { mutate } } },
    print: () => undefined,
    printJson: () => undefined,
  } as never);
  await program.parseAsync(["sweep", ...words], { from: "user" });
  return launchedBy;
}

const GRPO = ["--preset", "atlas-smollm2-grpo"];
testRecorded(new URL("./key-stability.json", import.meta.url), {
  sweeps: () =>
    collectInTurn({
      "a ready one": () => computeSweepKey("--preset-sweep", "atlas-ablation"),
      "a ready one under seeds": () =>
        computeSweepKey("--preset-sweep", "atlas-ablation", "--seeds", "1-3", "--name", "Mine"),
      "a grid": () =>
        computeSweepKey(
          ...GRPO,
          "--grid",
          "rl.steps=2,4",
          "--grid",
          "search.turns=1,2",
          "--seeds",
          "1,2",
        ),
      "a list": () =>
        computeSweepKey(
          ...GRPO,
          "--set",
          "rl.steps=2",
          "--row",
          "search.turns=1",
          "--row",
          "rl.clip=0.1",
        ),
    }),
});
