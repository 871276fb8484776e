import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { PresetRow } from "@/app/_lib/live/trpc";
import { renderPage, type Answers } from "@/app/_testing/render-page";
import { runConfigSchema, type RunConfig } from "@/contracts/run-config/run-config";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { listRunParts } from "@/core/presets/run-parts";
import {
  ASSUMED_MACHINE,
  describePlannedMachine,
  judgeTrainingMemory,
} from "@/core/memory/training-memory";
import { PRESETS } from "@/core/presets/run-presets";
import { buildRequirement } from "@/core/run/build-requirement";
import { listSettingGroups } from "@/core/run/settings";
import { NewRunForm } from "./new-run-form";
import { formRules } from "./rules";

// Loaded before anything is drawn, as a test waits a second at most.
await Promise.all([formRules.load(), import("./sweep-parts")]);

const OFFERED = {
  models: new Set(["smollm2-135m-instruct"]),
  corpora: new Set(["atlas"]),
  questions: new Set(["atlas/train", "atlas/held-out"]),
};
const presets: PresetRow[] = PRESETS.map((preset) => ({
  ...preset,
  config: runConfigSchema.parse(preset.config),
  ready: preset.id.startsWith("atlas"),
  requirements: [],
  parts: listRunParts(runConfigSchema.parse(preset.config), OFFERED),
}));
const FULL = trainConfigSchema.parse(PRESETS.find(({ id }) => id === "paper-full")!.config);
const findPreset = (id: string): PresetRow => presets.find((preset) => preset.id === id)!;

/** The form as it opens with a preset, once its settings stand; what is launched lands in `launched`. */
async function draw(presetId: string, answers: Answers = {}, address = "/runs/new") {
  const launched: { config: RunConfig; preset: string | null }[] = [];
  const preset = findPreset(presetId);
  const view = renderPage(
    <NewRunForm
      presets={presets}
      start={preset.config}
      startPreset={preset.id}
      origin={null}
      draftName={preset.id}
    />,
    {
      "runs.check": () => ({ issues: [], requirements: [], memory: null }) as never,
      "runs.projectTime": () => null,
      "runs.checkpointChoices": () => [],
      "corpora.list": () => [],
      "catalogue.questionSets": () => [],
      "catalogue.settings": ({ kind, served }) => listSettingGroups(kind, served),
      "runs.launch": (input) => {
        launched.push(input as never);
        return { id: "11111111-1111-4111-8111-111111111111" };
      },
      ...answers,
    },
    address,
  );
  await waitFor(() => expect(document.querySelector("[data-setting]")).not.toBeNull());
  const launch = within(await screen.findByRole("region", { name: "Launch" }));
  return { ...view, user: userEvent.setup({ delay: null }), launched, launch };
}

const findField = (path: string): HTMLInputElement =>
  document.getElementById(`setting-${path}`) as HTMLInputElement;

beforeEach(() => localStorage.clear());
afterEach(() => vi.restoreAllMocks());

describe("the new run form", () => {
  it("names each part that a preset lacks, with its size and the command that fetches it", async () => {
    await draw("paper-qwen2.5-3b");
    const parts = within(await screen.findByRole("list", { name: "Parts to fetch" }));
    expect(
      parts.getByText(
        "The model qwen2.5-3b-instruct is not here · 5.8 GiB to download · licence: qwen-research",
      ),
    ).toBeDefined();
    expect(parts.getByText("npm run s3 -- model fetch Qwen/Qwen2.5-3B-Instruct")).toBeDefined();
    expect(parts.getAllByRole("button", { name: "Copy the command" })).toHaveLength(7);
  });

  it("keeps what was changed until it is discarded", async () => {
    const first = await draw("serve-smollm2");
    fireEvent.change(findField("name"), { target: { value: "Mine" } });
    await waitFor(() => expect(localStorage.length).toBe(1));
    first.unmount();
    const { user } = await draw("serve-smollm2");
    await waitFor(() => expect(findField("name").value).toBe("Mine"));
    await user.click(screen.getByText("Discard them"));
    await waitFor(() => expect(findField("name").value).toBe("SmolLM2, served"));
    await waitFor(() => expect(localStorage.length).toBe(0));
  });

  it("finds settings by words, and those that were changed", async () => {
    const { user } = await draw("atlas-retrieval");
    fireEvent.change(findField("k"), { target: { value: "7" } });
    const search = screen.getByPlaceholderText("Search settings");
    fireEvent.change(search, { target: { value: "corpus" } });
    await waitFor(() => expect(findField("k")).toBeNull());
    expect(findField("corpus")).toBeTruthy();
    fireEvent.change(search, { target: { value: "" } });
    await user.click(screen.getByText(/Changed only/));
    await waitFor(() => expect(findField("k")).toBeTruthy());
    expect(findField("corpus")).toBeNull();
  });

  it("launches the configuration with what was changed, and nothing else", async () => {
    const { user, launch, launched, visited } = await draw("atlas-smollm2");
    await user.clear(findField("rl.steps"));
    await user.type(findField("rl.steps"), "7");
    const button = launch.getByRole("button", { name: "Launch" });
    await waitFor(() => expect(button).toHaveProperty("disabled", false));
    await user.click(button);
    const { config } = findPreset("atlas-smollm2");
    if (config.kind !== "train") throw new Error("not a training run");
    expect(launched).toEqual([
      { config: { ...config, rl: { ...config.rl, steps: 7 } }, preset: "atlas-smollm2" },
    ]);
    expect(visited).toEqual(["/runs/11111111-1111-4111-8111-111111111111"]);
  });

  it("names a setting that is wrong, and launches nothing", async () => {
    const { user, launch } = await draw("atlas-smollm2");
    await user.clear(findField("rl.steps"));
    await user.type(findField("rl.steps"), "-3");
    await launch.findByText(/must be at least 0/);
    expect(screen.getByRole("button", { name: /^Changed only \([1-9]/ })).toBeTruthy();
    expect(launch.getByText("1 setting to mend")).toBeTruthy();
    expect(launch.getByRole("button", { name: "Launch" })).toHaveProperty("disabled", true);
    await waitFor(() => expect(findField("rl.steps").getAttribute("aria-invalid")).toBe("true"));
    expect(document.getElementById("setting-rl.steps-error")?.textContent).toBe(
      "must be at least 0",
    );
  });

  it("can be filled in before validation is loaded, and launches nothing until then", async () => {
    const useModule = formRules.useModule.bind(formRules);
    let isLoading = true;
    vi.spyOn(formRules, "useModule").mockImplementation((wanted) => {
      const rules = useModule(wanted);
      return isLoading ? null : rules;
    });
    const { user, launch, launched } = await draw("serve-smollm2");
    const button = launch.getByRole("button", { name: "Launch" });
    await user.clear(findField("name"));
    expect(button).toHaveProperty("disabled", true);
    isLoading = false;
    await user.type(findField("name"), "Mine");
    await waitFor(() => expect(button).toHaveProperty("disabled", false), { timeout: 5_000 });
    await user.click(button);
    expect(launched).toMatchObject([{ config: { kind: "serve", name: "Mine" } }]);
  });

  it("says what share of the training questions the runs of naive RAG hold", async () => {
    const baselines = { known: 1200, questions: 4800 };
    const { launch } = await draw("atlas-smollm2", {
      "runs.check": () => ({ issues: [], requirements: [], memory: null, baselines }) as never,
    });
    await launch.findByText(/they hold 1,200 of 4,800 training questions \(25%\)/);
  });

  it("waits for a worker where none can run it", async () => {
    const { launch, user, launched } = await draw("atlas-rag", {
      "runs.check": () =>
        ({
          issues: [],
          requirements: [buildRequirement("no-model", false, { model: "of-a-test" })],
          memory: null,
        }) as never,
    });
    await launch.findByText("no attached worker has the model of-a-test");
    expect(launch.getByRole("button", { name: "Launch" })).toHaveProperty("disabled", true);
    await user.click(launch.getByRole("button", { name: "Queue anyway" }));
    await waitFor(() => expect(launched).toHaveLength(1));
  });

  it("says plainly that a run does not fit, and plans for GPUs that are typed", async () => {
    const one = judgeTrainingMemory(FULL, ASSUMED_MACHINE)!;
    const asked: unknown[] = [];
    const { launch, user } = await draw("paper-full", {
      "runs.check": () =>
        ({
          issues: [],
          requirements: [],
          memory: [{ ...one, worker: "box" }],
          unjoined: ["head"],
        }) as never,
      "runs.planMemory": ({ gpus, gibibytes }) => {
        asked.push([gpus, gibibytes]);
        return judgeTrainingMemory(FULL, describePlannedMachine(gpus, gibibytes));
      },
    });
    const memory = within(await launch.findByRole("region", { name: "Memory" }));
    await memory.findByText(/of 80 GiB \(a GPU of box\): does not fit/);
    expect(memory.getByText(/^head: not known yet\. .* GPUs of a Ray cluster/)).toBeDefined();
    expect(memory.getByText(/any one of these makes it fit: .*GPUs of 80 GiB/)).toBeDefined();
    await user.type(memory.getByLabelText("Number of GPUs"), "24");
    await memory.findByText(/\(each of 24 GPUs, which share the model\): fits/, undefined, {
      timeout: 5_000,
    });
    expect(asked).toEqual([[24, 80]]);
    await user.type(memory.getByLabelText("Number of GPUs"), ".5");
    expect(memory.getByText(/^Give a whole number of GPUs/)).toBeDefined();
    expect(memory.queryByText(/each of 24 GPUs/)).toBeNull();
  });

  it("keeps what two kinds of run share when the kind changes", async () => {
    const { user } = await draw("atlas-smollm2");
    await user.clear(findField("search.retrieve"));
    await user.type(findField("search.retrieve"), "5");
    await user.click(
      within(screen.getByRole("group", { name: "Kind of run" })).getByRole("button", {
        name: "Predict",
      }),
    );
    await waitFor(() => expect(findField("questions")?.value).toBe("atlas/held-out"));
    expect(findField("search.retrieve").value).toBe("5");
    expect(findField("rl.steps")).toBeNull();
  });

  it("shows the runs of a sweep by their names, and says why it is none yet", async () => {
    const sent: unknown[] = [];
    const { user } = await draw(
      "atlas-smollm2",
      {
        "sweeps.launch": (input) => {
          sent.push(input.spec);
          return { id: "s" } as never;
        },
      },
      "/runs/new?as=sweep",
    );
    const sweep = within(await screen.findByRole("region", { name: "Sweep" }));
    const launch = within(screen.getByRole("region", { name: "Launch" }));
    await user.selectOptions(sweep.getByLabelText("Setting 1"), "rl.steps");
    expect(launch.getByText("Not yet a sweep"), "it has no values").toBeTruthy();
    expect(launch.getByRole("button", { name: "Launch" })).toHaveProperty("disabled", true);
    await user.type(sweep.getByLabelText("Values of setting 1"), "1, 2");
    await user.type(sweep.getByLabelText("Seeds"), "1-2");
    const list = await launch.findByRole("list", { name: "Runs of the sweep" });
    const name = findPreset("atlas-smollm2").config.name;
    await waitFor(() =>
      expect(
        within(list)
          .getAllByRole("listitem")
          .map(({ textContent }) => textContent),
      ).toEqual([
        `${name}: steps=1, seed=1`,
        `${name}: steps=2, seed=1`,
        `${name}: steps=1, seed=2`,
        `${name}: steps=2, seed=2`,
      ]),
    );
    await user.click(launch.getByRole("button", { name: "Launch 4 runs" }));
    expect(sent).toMatchObject([
      { mode: "grid", axes: [{ path: "rl.steps", values: [1, 2] }], seeds: [1, 2] },
    ]);
  });
});
