import { readdirSync } from "node:fs";
import { expect, it } from "vitest";
import { resolveInRoot } from "@/lib/paths.mjs";
import { listCases } from "./pages";

it("measures every page of app/", () => {
  const cases = listCases({ big: ["1", "2"], sweep: "3", predictions: ["4", "5"], episode: "6" });
  const paths = Object.values(cases).map(({ path }) => path.split("?")[0]!);
  const pages = readdirSync(resolveInRoot("app"), { recursive: true, encoding: "utf8" })
    .map((file) => file.replaceAll("\\", "/"))
    .filter((file) => /(^|\/)page\.tsx$/.test(file));
  expect(pages.length).toBeGreaterThan(20);
  const unmeasured = pages.filter((page) => {
    const route = `/${page.replace(/\/?page\.tsx$/, "")}`.replace(/\[\w+\]/g, "[^/]+");
    return !paths.some((path) => new RegExp(`^${route}$`).test(path));
  });
  expect(unmeasured).toEqual([]);
});
