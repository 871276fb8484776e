import { render } from "@testing-library/react";
import { PathnameContext } from "next/dist/shared/lib/hooks-client-context.shared-runtime";
import { expect, it } from "vitest";
import { useGradually } from "./use-gradually";

const ITEMS = ["a", "b", "c", "d"];

function draw(path: string): string[] {
  const drawn: string[] = [];
  function List() {
    const items = useGradually(ITEMS, 2);
    drawn.push(items.join(""));
    return items;
  }
  render(
    <PathnameContext value={path}>
      <List />
    </PathnameContext>,
  );
  return [...new Set(drawn)];
}

it("draws the first items, then all; all at once for who comes back", () => {
  expect(draw("/one")).toEqual(["ab", "abcd"]);
  expect(draw("/one")).toEqual(["abcd"]);
  expect(draw("/two")).toEqual(["ab", "abcd"]);
});
