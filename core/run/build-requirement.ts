import type { CheckedRequirement } from "@/contracts/records/requirement";
import { createTranslate, NO_TRANSLATION } from "@/core/texts/format-text";
import { describeRequirement } from "./requirement-texts";

const ENGLISH = createTranslate("en", NO_TRANSLATION);

/** A requirement with its texts in English. Apart from them, as no page need load how they are written. */
export const buildRequirement = (
  code: CheckedRequirement["code"],
  ok: boolean,
  values: CheckedRequirement["values"] = {},
): CheckedRequirement => ({ ok, code, values, ...describeRequirement(ENGLISH, { code, values }) });
