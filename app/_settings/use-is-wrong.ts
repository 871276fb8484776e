"use client";
import { get, useFormState } from "react-hook-form";
import type { IsWrong } from "@/core/run/setting-groups";
import type { Draft } from "./draft";

/** Whether a setting of the form around is not valid. */
export function useIsWrong(): IsWrong {
  const { errors } = useFormState<Draft>();
  return (path) => get(errors, path) !== undefined;
}
