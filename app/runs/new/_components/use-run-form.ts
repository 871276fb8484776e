"use client";
import { useQuery } from "@tanstack/react-query";
import { useDeferredValue, useEffect, useMemo } from "react";
import { useForm, useWatch, type Resolver } from "react-hook-form";
import { useTRPC } from "@/app/_lib/live/trpc";
import type { Draft } from "@/app/_settings/draft";
import { LAUNCHED_KINDS } from "@/contracts/records/run-states";
import type { RunConfig } from "@/contracts/run-config/run-config";
import { getServed, listChangedInGroups } from "@/core/run/setting-groups";
import { formRules } from "./rules";

export const createDraft = (config: RunConfig): Draft => structuredClone(config);

const resolveDraft: Resolver<Draft, unknown, RunConfig> = async (...values) =>
  (await formRules.load()).resolveDraft(...values);

/** The form with what is read of its values: the configuration is null while it is not valid, or not yet validated. */
export function useRunForm(start: RunConfig) {
  const trpc = useTRPC();
  // Fetched once the settings stand: nobody waits for it before something was typed.
  const rules = formRules.useModule(useDeferredValue(true, false));
  const form = useForm<Draft, unknown, RunConfig>({
    resolver: resolveDraft,
    mode: "onChange",
    defaultValues: createDraft(start),
  });
  const draft = useDeferredValue(useWatch({ control: form.control }));
  // Not deferred: fields of the kind before would write their settings back into the form.
  const [kindNow, what] = useWatch({ control: form.control, name: ["kind", "what"] });
  const kind = LAUNCHED_KINDS.find((one) => one === kindNow) ?? "train";
  const served = getServed({ what });
  const settings = useQuery(
    trpc.catalogue.settings.queryOptions({ kind, served }, { staleTime: Infinity }),
  );
  const groups = settings.data;
  const config = useMemo(
    () => rules?.runConfigSchema.safeParse(draft).data ?? null,
    [rules, draft],
  );
  // Of the draft: what is not valid yet is changed all the same.
  const changed = useMemo(
    () => (groups ? listChangedInGroups(groups, draft).length : 0),
    [draft, groups],
  );

  // Shows the errors of the first values at once, not only after the first key.
  useEffect(() => {
    if (rules) void form.trigger();
  }, [form, rules]);
  return { rules, form, draft, kind, served, settings, config, changed };
}
