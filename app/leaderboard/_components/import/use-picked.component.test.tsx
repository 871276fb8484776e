import { act, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import { replaceParams } from "@/app/_lib/hooks/use-params";
import { renderPage } from "@/app/_testing/render-page";
import { usePicked } from "./use-picked";

const ROWS = ["a", "b", "c"].map((key) => ({ id: `row ${key}`, key }));

function Picker() {
  const { picked, onPick } = usePicked(ROWS);
  return ROWS.map(({ id }) => (
    <input
      key={id}
      type="checkbox"
      aria-label={id}
      checked={picked.includes(id)}
      onChange={({ target: { checked } }) =>
        onPick(checked ? [...picked, id] : picked.filter((one) => one !== id))
      }
    />
  ));
}

const readPicked = () =>
  screen.getAllByRole<HTMLInputElement>("checkbox").filter(({ checked }) => checked).length;
const readAddress = () => new URLSearchParams(window.location.search).get("pick");

it("begins with the rows of the address, keeps it up with ticks, and follows a link", async () => {
  renderPage(<Picker />, {}, "/leaderboard?pick=b,gone&sort=method");
  expect(screen.getByLabelText("row b")).toHaveProperty("checked", true);
  expect(readPicked()).toBe(1);
  await userEvent.click(screen.getByLabelText("row a"));
  expect(screen.getByLabelText("row a")).toHaveProperty("checked", true);
  expect(readAddress()).toBe("a,b");
  await userEvent.click(screen.getByLabelText("row b"));
  expect(readAddress()).toBe("a");
  act(() => replaceParams({ pick: "c" }));
  expect(screen.getByLabelText("row c")).toHaveProperty("checked", true);
  expect(readPicked()).toBe(1);
  await userEvent.click(screen.getByLabelText("row c"));
  expect(readAddress()).toBeNull();
  expect(window.location.search).toBe("?sort=method");
});
