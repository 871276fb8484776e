import { z } from "zod";
import { LAUNCHED_KINDS, RUN_KINDS, RUN_STATES } from "./run-states";

export const runKindSchema = z.enum(RUN_KINDS);
export const launchedKindSchema = z.enum(LAUNCHED_KINDS);
export type LaunchedKind = z.infer<typeof launchedKindSchema>;
export type RunKind = z.infer<typeof runKindSchema>;

export const runStateSchema = z.enum(RUN_STATES);
export type RunState = z.infer<typeof runStateSchema>;
