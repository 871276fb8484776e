"use client";
import { useState } from "react";
import { useFormContext, useWatch } from "react-hook-form";
import {
  isChanged,
  buildVariantDefaults,
  type Setting,
  type SettingGroup,
} from "@/core/run/settings";
import { Card } from "@/app/_ui/card";
import { DisclosureButton } from "@/app/_ui/disclosure-button";
import { Select } from "@/app/_ui/field";
import { getSettingValue } from "@/core/run/settings";
import { formatDraftValue, type Draft } from "./draft";
import { Description } from "./description";
import { SettingField } from "./setting-field";

/** A group of settings; advanced ones are shown on demand. */
export function SettingGroupCard({ group }: { group: SettingGroup }) {
  const { control, setValue } = useFormContext<Draft>();
  const values = useWatch({ control });
  const [open, setOpen] = useState(false);
  const chosen = group.variant ? getSettingValue(values, group.variant.path) : null;
  const option = group.variant?.options.find((o) => o.value === chosen);
  const settings = option ? option.settings : group.settings;
  const plain = settings.filter((s) => !s.meta.advanced);
  const advanced = settings.filter((s) => s.meta.advanced);
  const changed = advanced.filter((s: Setting) =>
    isChanged(s, getSettingValue(values, s.path)),
  ).length;
  return (
    <Card className="px-4 pt-3 pb-4" aria-label={group.title}>
      <div className="flex flex-wrap items-baseline gap-x-3">
        <h2 className="font-semibold">{group.title}</h2>
        <p className="text-xs text-muted-foreground">
          <Description text={group.description} />
        </p>
      </div>
      <div className="mt-3 grid gap-x-6 gap-y-4 sm:grid-cols-2 xl:grid-cols-3">
        {group.variant ? (
          <div>
            <label htmlFor={group.variant.path} className="font-medium">
              Kind
            </label>
            <Select
              id={group.variant.path}
              className="mt-1"
              value={formatDraftValue(chosen)}
              onChange={(e) => {
                const next = group.variant?.options.find((o) => o.value === e.target.value);
                if (next)
                  setValue(group.id, buildVariantDefaults(next), {
                    shouldValidate: true,
                    shouldDirty: true,
                  });
              }}
              options={group.variant.options.map((o) => o.value)}
            />
          </div>
        ) : null}
        {plain.map((setting) => (
          <SettingField key={setting.path} setting={setting} />
        ))}
      </div>
      {advanced.length > 0 ? (
        <>
          <DisclosureButton open={open} onToggle={() => setOpen(!open)} className="mt-4">
            {advanced.length} more {changed > 0 ? `(${changed} changed)` : ""}
          </DisclosureButton>
          {open ? (
            <div className="mt-3 grid gap-x-6 gap-y-4 sm:grid-cols-2 xl:grid-cols-3">
              {advanced.map((setting) => (
                <SettingField key={setting.path} setting={setting} />
              ))}
            </div>
          ) : null}
        </>
      ) : null}
    </Card>
  );
}
