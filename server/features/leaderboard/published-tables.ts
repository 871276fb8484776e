import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "@/lib/paths.mjs";
import {
  publishedResultsSchema,
  type PublishedResults,
} from "@/contracts/formats/published-results";

let read: PublishedResults | null = null;

/** The paper's tables (server/leaderboard/published.json), read once. */
export function readPublishedTables(): PublishedResults {
  read ??= publishedResultsSchema.parse(
    JSON.parse(
      readFileSync(join(ROOT, "server", "features", "leaderboard", "published.json"), "utf8"),
    ),
  );
  return read;
}
