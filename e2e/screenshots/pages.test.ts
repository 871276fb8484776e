import { readdirSync } from "node:fs";
import { expect, it } from "vitest";
import { resolveInRoot } from "@/lib/paths.mjs";
import { buildAddress, PAGES, type PageName, type Shown } from "./pages";

const SHOWN: Shown = {
  training: "1",
  collapsed: "2",
  cancelled: "3",
  imported: "4",
  predictions: ["5", "6", "7"],
  evaluations: ["8", "9"],
  index: "10",
  sweep: "11",
  episode: "12",
  external: "13",
  serve: "14",
};

it("takes a picture of every page of app/", () => {
  const paths = (Object.keys(PAGES) as PageName[]).map(
    (name) => new URL(buildAddress(name, SHOWN), "http://localhost").pathname,
  );
  const pages = readdirSync(resolveInRoot("app"), { recursive: true, encoding: "utf8" })
    .filter((file) => /(^|[/\\])page\.tsx$/.test(file))
    .map((file) => file.replaceAll("\\", "/"));
  expect(pages.length).toBeGreaterThan(20);
  const unseen = pages.filter((page) => {
    const route = `/${page.replace(/\/?page\.tsx$/, "")}`;
    const segments = route.replace(/\[\w+\]/g, "[^/]+");
    return !paths.some((path) => new RegExp(`^${segments}$`).test(path));
  });
  expect(unseen).toEqual([]);
});
