"use client";
import { useEffect, useState } from "react";
import { useFormContext, useWatch } from "react-hook-form";
import { useText } from "@/app/_i18n/text-provider";
import { getSettingValue } from "@/core/run/setting-values";
import { listMethodChanges, type MethodChange } from "@/core/run/trained-method";
import { describeValue } from "@/core/run/describe-value";
import { formatDraftValue, type Draft } from "./draft";

const isMade = ({ path, value }: MethodChange, draft: unknown): boolean =>
  getSettingValue(draft, path) === value;

/**
 * Sets what the method that a person chooses for a training run needs, and says so; what it set for the method before is
 * put back. A configuration that is loaded stays as it is.
 */
export function MethodFit() {
  const t = useText();
  const { control, getValues, setValue, trigger, watch } = useFormContext<Draft>();
  const values = useWatch({ control });
  const [made, setMade] = useState<{ method: unknown; changes: MethodChange[] }>();

  useEffect(() => {
    const assign = (path: string, value: unknown): void =>
      setValue(path, value, { shouldDirty: true });
    const { unsubscribe } = watch((_, { name, type }) => {
      if (name !== "method" || type !== "change") return;
      for (const change of made?.changes ?? [])
        if (isMade(change, getValues())) assign(change.path, change.before);
      const changes = listMethodChanges(getValues());
      for (const { path, value } of changes) assign(path, value);
      setMade({ method: getValues("method"), changes });
      void trigger();
    });
    return unsubscribe;
  }, [made, getValues, setValue, trigger, watch]);

  const shown =
    made?.method === values["method"] ? made?.changes.filter((c) => isMade(c, values)) : undefined;
  if (!shown || shown.length === 0) return null;
  return (
    <p role="status" className="mt-3 text-xs text-muted-foreground">
      {t("Set for {method}: {settings}.", {
        method: formatDraftValue(values["method"]),
        settings: shown.map(({ path, value }) => `${path} ${describeValue(t, value)}`).join(", "),
      })}
    </p>
  );
}
