import { join } from "node:path";
import { ROOT } from "@/lib/paths.mjs";

/** Inputs beside the checkout that tests read in place; they skip where these are absent. */
export const SHARED_DIR = join(ROOT, "..", "shared");
export const CASES_DIR = join(SHARED_DIR, "cases");
export const SETS_DIR = join(SHARED_DIR, "data");
