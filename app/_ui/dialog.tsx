"use client";
import { defer } from "./deferred";
import type { DialogProps } from "./dialog-panel";

/** What dialogs are made of: loaded when one is opened first. */
export const dialogParts = defer(() => import("./dialog-panel"));

/** A modal dialog. It gives the focus back to the element that had it when it opened. */
export function Dialog(props: DialogProps) {
  const parts = dialogParts.useModule(props.open);
  return parts ? <parts.DialogPanel {...props} /> : null;
}
