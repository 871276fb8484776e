import { defer } from "@/app/_ui/deferred";

/** Validation and conversion of configurations, a third of the page's code: nothing is launched before it is there. */
export const formRules = defer(() => import("./form-rules"));
export type FormRules = typeof import("./form-rules");
