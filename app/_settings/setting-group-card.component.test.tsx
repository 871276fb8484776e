import { zodResolver } from "@hookform/resolvers/zod";
import { screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useEffect } from "react";
import { FormProvider, useForm, useWatch } from "react-hook-form";
import { expect, it } from "vitest";
import type { ZodType } from "zod";
import { renderPage } from "@/app/_testing/render-page";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { getSettingValue } from "@/core/run/setting-values";
import { listSettingGroups } from "@/core/run/settings";
import type { Draft } from "./draft";
import { SettingGroupCard } from "./setting-group-card";

const group = listSettingGroups("train").find(({ id }) => id === "rl")!;

function Form({ rl, method }: { rl: object; method?: "sft" }) {
  const form = useForm<Draft>({
    defaultValues: { ...trainConfigSchema.parse({ kind: "train", name: "t", rl }), method },
  });
  const values = useWatch({ control: form.control });
  return (
    <FormProvider {...form}>
      <SettingGroupCard group={group} />
      <output>{String(getSettingValue(values, "rl.normalisation"))}</output>
    </FormProvider>
  );
}

it("shows what the chosen algorithm reads, and what was changed", async () => {
  renderPage(<Form rl={{ algorithm: "gspo", normalisation: "sequence", gamma: 0.9 }} />);
  await userEvent.click(screen.getByText(/ more/));
  expect(screen.getByLabelText("Sequence clip")).toBeTruthy();
  expect(screen.queryByLabelText("Clip")).toBeNull();
  expect(screen.queryByLabelText("Lambda")).toBeNull();
  expect(screen.queryByLabelText("Critic's learning rate")).toBeNull();
  expect(screen.getByLabelText("Gamma"), "changed, though GSPO does not read it").toBeTruthy();
  await userEvent.selectOptions(screen.getByLabelText("Algorithm"), "ppo");
  expect(screen.queryByLabelText("Sequence clip")).toBeNull();
  expect(screen.getByLabelText("Lambda")).toBeTruthy();
});

it("offers the normalisation of the algorithm's paper", async () => {
  renderPage(<Form rl={{ algorithm: "dr-grpo" }} />);
  await screen.findByText("The paper of dr-grpo averages the loss by constant.");
  await userEvent.click(screen.getByText("Take that"));
  expect(screen.getByRole("status").textContent).toBe("constant");
  expect(screen.queryByText("Take that")).toBeNull();
});

it("offers supervised training none, which reads neither algorithm nor normalisation", () => {
  renderPage(<Form rl={{ algorithm: "dr-grpo", steps: 0 }} method="sft" />);
  expect(screen.getByLabelText("Steps")).toBeTruthy();
  expect(screen.queryByText("Take that")).toBeNull();
});

/** A form that is validated; supervised training reads no groups. */
function ValidatedForm({ groupSize }: { groupSize: number }) {
  const form = useForm<Draft>({
    // The schema parses anything; here its input is typed as what the form holds.
    resolver: zodResolver(trainConfigSchema as unknown as ZodType<Draft, Draft>),
    mode: "onChange",
    defaultValues: {
      ...trainConfigSchema.parse({ kind: "train", name: "t" }),
      method: "sft",
      coldStart: { demonstrations: 16 },
      rl: { steps: 0, groupSize },
    },
  });
  useEffect(() => void form.trigger(), [form]);
  return (
    <FormProvider {...form}>
      <SettingGroupCard group={group} />
    </FormProvider>
  );
}

it("shows what is wrong though the method does not read it, until it is mended", async () => {
  renderPage(<ValidatedForm groupSize={1} />);
  const field = await screen.findByLabelText("Samples per question");
  expect(screen.getByRole("alert").textContent).toContain("at least 2");
  await userEvent.clear(field);
  await userEvent.type(field, "4");
  await waitFor(() => expect(screen.queryByLabelText("Samples per question")).toBeNull());
  expect(screen.getByLabelText("Steps")).toBeTruthy();
});

const methodGroup = listSettingGroups("train").find(({ settings }) =>
  settings.some(({ path }) => path === "method"),
)!;

function MethodForm() {
  const form = useForm<Draft>({
    defaultValues: trainConfigSchema.parse({ kind: "train", name: "t" }),
  });
  const values = useWatch({ control: form.control });
  const read = (path: string): string => String(getSettingValue(values, path));
  return (
    <FormProvider {...form}>
      <SettingGroupCard group={methodGroup} />
      <output aria-label="read">
        {["reward.weights.gbr", "reward.weights.exactMatch", "rl.steps"].map(read).join(" ")}
      </output>
    </FormProvider>
  );
}

it("rewards the answer of a method that has no generator, says so, and puts it back for s3", async () => {
  renderPage(<MethodForm />);
  const choose = (method: string) =>
    userEvent.selectOptions(screen.getByLabelText("Method"), method);
  const read = (): string | null => screen.getByLabelText("read").textContent;
  expect(read()).toBe("1 0 20");
  await choose("search-r1");
  await screen.findByText("Set for search-r1: reward.weights.gbr 0, reward.weights.exactMatch 1.");
  expect(read()).toBe("0 1 20");
  await choose("sft");
  await screen.findByText("Set for sft: rl.steps 0, coldStart.demonstrations 384.");
  expect(read()).toBe("1 0 0");
  await choose("s3");
  expect(read()).toBe("1 0 20");
  expect(screen.queryByText(/^Set for/)).toBeNull();
});
