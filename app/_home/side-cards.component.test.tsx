// @vitest-environment jsdom
import { screen } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderPage } from "@/app/_testing/render-page";
import { WorkersCard } from "./side-cards";

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
