import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import { renderPage } from "@/app/_testing/render-page";
import { DEFAULT_MAPPINGS } from "@/core/traces/mappings";
import { MappingDialog } from "./mapping-dialog";

type Mapping = (typeof DEFAULT_MAPPINGS)[keyof typeof DEFAULT_MAPPINGS];

const build = (version: number, createdBy: string | null, of: Mapping) => ({
  mapping: of,
  initial: of,
  version,
  createdBy,
  createdAt: null,
});
const MINE = '{"mine": true}';

/** The dialog over stored mappings that a test changes; another tab's reading is `refetch`. */
function openDialog() {
  const formats = Object.values(DEFAULT_MAPPINGS);
  const state = { version: 0, by: null as string | null };
  const saved: unknown[] = [];
  const { queryClient } = renderPage(<MappingDialog onClose={() => undefined} />, {
    "externalRuns.mappings": () => formats.map((one) => build(state.version, state.by, one)),
    "externalRuns.saveMapping": (input) => {
      saved.push(input.version);
      return { version: (state.version = input.version + 1) };
    },
  });
  const refetch = () => queryClient.invalidateQueries();
  return { state, saved, refetch };
}

const getField = () => screen.findByRole("textbox", { name: "Mapping" });
async function type(text: string): Promise<void> {
  const field = await getField();
  await userEvent.clear(field);
  await userEvent.click(field);
  await userEvent.paste(text);
}

it("keeps what was typed when the mappings are read anew, and when another format is looked at", async () => {
  const { refetch } = openDialog();
  await type(MINE);
  await refetch();
  expect(await getField()).toHaveProperty("value", MINE);
  const group = within(screen.getByRole("group", { name: "Format" }));
  const [first, second] = group.getAllByRole("button");
  await userEvent.click(second!);
  expect(await getField()).not.toHaveProperty("value", MINE);
  await userEvent.click(first!);
  expect(await getField()).toHaveProperty("value", MINE);
});

it("keeps it when somebody else stored a version, says so, and stores over it only when asked to", async () => {
  const { state, saved, refetch } = openDialog();
  await type(MINE);
  Object.assign(state, { version: 3, by: "ada" });
  await refetch();
  const notice = await screen.findByText(/Version 3 was stored by ada since you began/);
  expect(notice.textContent).toContain("a change of version 0");
  expect(await getField()).toHaveProperty("value", MINE);
  const store = screen.getByRole("button", { name: "Store as a new version" });
  expect(store).toHaveProperty("disabled", true);
  await userEvent.click(screen.getByRole("button", { name: "Go on with mine" }));
  expect(screen.queryByText(/since you began/)).toBeNull();
  await userEvent.click(store);
  await waitFor(() => expect(saved).toEqual([3]));
  await screen.findByText("Version 4, by ada");
});

it("shows the stored one instead, once asked to", async () => {
  const { state, refetch } = openDialog();
  const before = ((await getField()) as HTMLTextAreaElement).value;
  await type(MINE);
  Object.assign(state, { version: 1, by: "ada" });
  await refetch();
  await userEvent.click(await screen.findByRole("button", { name: "Show the stored one" }));
  expect(await getField()).toHaveProperty("value", before);
});
