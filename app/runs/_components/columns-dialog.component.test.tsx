import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it, vi } from "vitest";
import { renderPage } from "@/app/_testing/render-page";
import { listSettingMeanings } from "@/core/run/settings";
import { findMetric } from "@/core/metrics/metrics";
import { ColumnsDialog } from "./columns-dialog";

it("says what each metric and setting means, without choosing it", async () => {
  const onColumns = vi.fn();
  const facets = {
    tags: [],
    presets: [],
    metrics: ["held-out/accuracy"],
    parameters: ["optim/max-lr"],
  };
  renderPage(<ColumnsDialog columns={[]} onColumns={onColumns} onClose={() => undefined} />, {
    "runs.facets": () => facets,
  });
  const user = userEvent.setup({ delay: null });
  const [help] = await screen.findAllByLabelText("What is held-out/accuracy?");
  await user.click(help!);
  const { description } = findMetric("held-out/accuracy")!;
  expect(await screen.findByText(description)).toBeTruthy();
  await user.keyboard("{Escape}");

  await user.type(screen.getByLabelText("Search metrics and settings"), "rl.clip");
  const row = within(screen.getByText("rl.clip").closest("li")!);
  await user.click(row.getByLabelText("What is rl.clip?"));
  const [clip] = listSettingMeanings("rl.clip");
  expect(await screen.findByText(clip!.description)).toBeTruthy();
  expect(screen.getByRole("link", { name: "In the glossary" }).getAttribute("href")).toBe(
    "/glossary#policy-loss",
  );
  expect(onColumns).not.toHaveBeenCalled();
});

it("offers the parameters that other trainers reported", async () => {
  const onColumns = vi.fn();
  const facets = { tags: [], presets: [], metrics: [], parameters: ["optim/max-lr"] };
  renderPage(<ColumnsDialog columns={[]} onColumns={onColumns} onClose={() => undefined} />, {
    "runs.facets": () => facets,
  });
  const user = userEvent.setup({ delay: null });
  await user.type(screen.getByLabelText("Search metrics and settings"), "max-lr");
  await user.click(await screen.findByRole("checkbox", { name: /^optim\/max-lr/ }));
  expect(onColumns).toHaveBeenCalledExactlyOnceWith(["param:optim/max-lr"]);
});

it("keeps what was chosen before the address was read again", async () => {
  const onColumns = vi.fn();
  const facets = { tags: [], presets: [], metrics: [], parameters: ["first", "second"] };
  renderPage(<ColumnsDialog columns={[]} onColumns={onColumns} onClose={() => undefined} />, {
    "runs.facets": () => facets,
  });
  const user = userEvent.setup({ delay: null });
  for (const name of facets.parameters) {
    await user.clear(screen.getByLabelText("Search metrics and settings"));
    await user.type(screen.getByLabelText("Search metrics and settings"), name);
    await user.click(await screen.findByRole("checkbox", { name: new RegExp(`^${name}`) }));
  }
  expect(onColumns).toHaveBeenLastCalledWith(["param:first", "param:second"]);
});
