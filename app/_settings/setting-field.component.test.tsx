import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { FormProvider, useForm, useWatch } from "react-hook-form";
import { describe, expect, it } from "vitest";
import type { WorkerRow } from "@/contracts/api/workers";
import type { Setting } from "@/contracts/run-config/setting-group";
import { listSettingGroups } from "@/core/run/settings";
import { renderPage, type Answers } from "@/app/_testing/render-page";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { PRESETS } from "@/core/presets/run-presets";
import { getSettingValue } from "@/core/run/setting-values";
import type { Draft } from "./draft";
import { SettingField } from "./setting-field";

const parsed = runConfigSchema.parse(PRESETS.find(({ id }) => id === "atlas-smollm2")!.config);
if (parsed.kind !== "train") throw new Error("the preset is no training run");
const train = parsed;

/** The setting at a path, of training runs. */
function findSetting(path: string): Setting {
  const setting = listSettingGroups("train")
    .flatMap((group) => [
      ...group.settings,
      ...(group.variant?.options.flatMap((option) => option.settings) ?? []),
    ])
    .find((candidate) => candidate.path === path);
  if (!setting) throw new Error(`there is no setting ${path}`);
  return setting;
}

function Form({ path, config = train }: { path: string; config?: Draft }) {
  const form = useForm<Draft>({ defaultValues: structuredClone(config) });
  const values = useWatch({ control: form.control });
  return (
    <FormProvider {...form}>
      <SettingField setting={findSetting(path)} />
      <output>{JSON.stringify(getSettingValue(values, path) ?? null)}</output>
    </FormProvider>
  );
}

/** The field of a setting, and the value that the form holds. */
function draw(path: string, answers: Answers = {}) {
  renderPage(<Form path={path} />, answers);
  const setting = findSetting(path);
  return {
    setting,
    user: userEvent.setup({ delay: null }),
    control: screen.getByLabelText<HTMLInputElement>(setting.meta.title),
    readValue: (): unknown => JSON.parse(screen.getByRole("status").textContent),
  };
}

describe("a setting's field", () => {
  it("takes a number, also one that is typed in scientific notation", async () => {
    const { user, control, readValue } = draw("rl.learningRate");
    await user.clear(control);
    await user.type(control, "1e-");
    expect(control.value, "half a number stays as typed").toBe("1e-");
    await user.type(control, "5");
    expect(readValue()).toBe(1e-5);
  });

  it("takes a switch", async () => {
    const { user, control, readValue } = draw("search.skipSeen");
    expect(readValue()).toBe(false);
    await user.click(control);
    expect(readValue()).toBe(true);
    expect(control.getAttribute("aria-checked")).toBe("true");
  });

  it("takes one of several choices", async () => {
    const { user, control, readValue, setting } = draw("rl.algorithm");
    const options = within(control).getAllByRole("option");
    expect(options.map(({ textContent }) => textContent)).toEqual(
      setting.control.kind === "choice" ? setting.control.options : [],
    );
    await user.selectOptions(control, "ppo");
    expect(readValue()).toBe("ppo");
  });

  it("takes a text, and nothing where a text may be missing", async () => {
    const { user, control, readValue } = draw("judge.endpoint", {
      "runs.servedModels": () => [],
    });
    await user.type(control, "http://127.0.0.1:9/v1");
    expect(readValue()).toBe("http://127.0.0.1:9/v1");
    await user.clear(control);
    expect(readValue()).toBeNull();
  });

  it("offers the corpora and question sets that exist, with their sizes, and keeps a name that does not", async () => {
    const { user, control, readValue } = draw("data.corpus", {
      "corpora.list": () =>
        [
          { name: "atlas", documents: 1_204 },
          { name: "wiki-18", documents: null },
        ] as never,
    });
    await screen.findByRole("option", { name: "atlas (1,204 documents)" });
    await user.selectOptions(control, "wiki-18");
    expect(readValue()).toBe("wiki-18");
    expect(screen.getByRole("option", { name: "wiki-18 (size not known)" })).toBeTruthy();
  });

  it("offers checkpoints by run and step", async () => {
    const id = "11111111-1111-4111-8111-111111111111";
    const { user, control, readValue } = draw("searcher.checkpoint", {
      "runs.checkpointChoices": () =>
        [{ id, step: 8, runId: id, run: "PPO", model: "m", createdAt: new Date() }] as never,
    });
    await screen.findByRole("option", { name: /^PPO, step 8/ });
    await user.selectOptions(control, id);
    expect(readValue()).toBe(id);
    expect(screen.getByRole("link", { name: "PPO" }).getAttribute("href")).toBe(`/runs/${id}`);
  });

  it("says what it means, its default, and what the paper used", () => {
    const { control, setting } = draw("rl.steps");
    const about = document.getElementById(control.getAttribute("aria-describedby")!)!;
    expect(about.textContent).toBe(setting.meta.description.replaceAll("`", ""));
    const field = within(document.querySelector<HTMLElement>('[data-setting="rl.steps"]')!);
    expect(field.getByText("default", { exact: false, selector: "p span" }).textContent).toBe(
      `default ${String(setting.default)}`,
    );
  });

  it("goes back to its default", async () => {
    const { user, control, readValue, setting } = draw("rl.steps");
    await user.clear(control);
    await user.type(control, "7");
    expect(readValue()).toBe(7);
    await user.click(
      screen.getByRole("button", { name: `Set Steps back to ${String(setting.default)}` }),
    );
    expect(readValue()).toBe(setting.default);
    expect(screen.queryByRole("button", { name: /back to/ })).toBeNull();
  });

  it("shows a prompt's built-in text, takes one's own, and gives the built-in one back", async () => {
    const path = "generator.promptTemplate";
    renderPage(
      <Form
        path={path}
        config={{ ...train, generator: { ...train.generator, promptStyle: "chat" } }}
      />,
    );
    const user = userEvent.setup({ delay: null });
    const text = await screen.findByRole<HTMLTextAreaElement>("textbox");
    const builtIn = text.value;
    expect(builtIn).toMatch(/\{documents\}\n--- user ---\n\{question\}/);
    expect(text.readOnly).toBe(true);
    await user.click(screen.getByRole("button", { name: "Edit" }));
    await user.clear(text);
    await user.type(text, "Say it");
    expect(JSON.parse(screen.getByRole("status").textContent)).toBe("Say it");
    await user.click(screen.getByRole("button", { name: "Back to the built-in text" }));
    expect(text.value).toBe(builtIn);
    expect(JSON.parse(screen.getByRole("status").textContent)).toBeNull();
  });

  it("says that there is no prompt where the settings use none", async () => {
    renderPage(<Form path="generator.promptTemplate" />);
    expect(await screen.findByText("There is no such prompt with these settings.")).toBeTruthy();
  });
});

describe("models of the workers", () => {
  const models = ["minilm", "ranker", "critic", "smollm2-135m-instruct"];
  const modelRoles = { minilm: "encoder", ranker: "reranker", critic: "critic" };
  const listOffered = async (path: string, capabilities: object): Promise<string[]> => {
    const workers = [{ name: "w", capabilities }] as unknown as WorkerRow[];
    renderPage(<Form path={path} />, { "workers.list": () => workers });
    await screen.findByRole("combobox");
    return [...document.querySelectorAll("option")].map(({ value }) => value);
  };

  it.each([
    ["generator.model", ["smollm2-135m-instruct"]],
    ["judge.model", ["smollm2-135m-instruct"]],
    ["rl.critic.model", ["critic", "smollm2-135m-instruct"]],
    ["retriever.encoder", ["minilm"]],
    ["retriever.reranker", ["ranker"]],
  ])("are offered for %s where they can be used so", async (path, offered) => {
    expect(await listOffered(path, { models, modelRoles })).toEqual(offered);
  });

  it("of an older worker, which does not tell, are all offered", async () => {
    expect(await listOffered("generator.model", { models })).toEqual(models);
  });
});
