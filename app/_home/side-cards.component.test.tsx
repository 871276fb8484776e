import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import { renderPage } from "@/app/_testing/render-page";
import { AlarmsCard, WorkersCard } from "./side-cards";

const list = (count: number, state: "online" | "offline") =>
  Array.from({ length: count }, (_, i) => ({
    id: `${state} ${i}`,
    name: `${state} worker ${i + 1}`,
    state,
    runs: 0,
  }));

it("says how many online workers it does not list, with a link to all", () => {
  renderPage(<WorkersCard workers={[...list(11, "online"), ...list(2, "offline")]} />);
  expect(screen.getAllByRole("listitem")).toHaveLength(8);
  expect(screen.getByRole("link", { name: "3 more are online" }).getAttribute("href")).toBe(
    "/workers",
  );
  expect(screen.getByText("2 more are offline")).toBeTruthy();
});

it("says nothing of more where all online workers are listed", () => {
  renderPage(<WorkersCard workers={list(8, "online")} />);
  expect(screen.getAllByRole("listitem")).toHaveLength(8);
  expect(screen.queryByText(/more/)).toBeNull();
});

it("lists the first alarms of many, and all when it is asked", async () => {
  const alarms = Array.from({ length: 30 }, (_, i) => ({
    runId: `r${i}`,
    run: `Run ${i}`,
    name: "no-variance" as const,
  }));
  renderPage(<AlarmsCard alarms={alarms} />);
  expect(screen.getByText("30 alarms")).toBeTruthy();
  expect(screen.getAllByRole("listitem")).toHaveLength(8);
  await userEvent.click(screen.getByRole("button", { name: "Show all" }));
  expect(screen.getAllByRole("listitem")).toHaveLength(30);
  expect(screen.queryByRole("button", { name: "Show all" })).toBeNull();
});
