"use client";
import { useState } from "react";
import { useFormContext, useWatch } from "react-hook-form";
import type { Setting, SettingGroup } from "@/contracts/run-config/setting-group";
import { findOtherNormalisation, isReadByAlgorithm } from "@/core/run/algorithm-settings";
import {
  buildVariantDefaults,
  isChanged,
  isGroupUsed,
  listActiveSettings,
} from "@/core/run/setting-groups";
import { getSettingValue } from "@/core/run/setting-values";
import { isSettingUsed } from "@/core/run/trained-method";
import { useText } from "@/app/_i18n/text-provider";
import { Button } from "@/app/_ui/button";
import { Card } from "@/app/_ui/card";
import { DisclosureButton } from "@/app/_ui/disclosure-button";
import { Select } from "@/app/_ui/field";
import { Description } from "./description";
import { formatDraftValue, type Draft } from "./draft";
import { SettingField } from "./setting-field";
import { MethodFit } from "./method-fit";
import { filterSettings, isFiltering, SHOW_ALL, type SettingFilter } from "./setting-filter";
import { useIsWrong } from "./use-is-wrong";

type SettingGroupCardProps = { group: SettingGroup; filter?: SettingFilter };

/** A group of settings; advanced ones are shown on demand. A filter shows all that it finds, and no group without any. */
export function SettingGroupCard({ group, filter = SHOW_ALL }: SettingGroupCardProps) {
  const t = useText();
  const { control } = useFormContext<Draft>();
  const values = useWatch({ control });
  const [open, setOpen] = useState(false);
  const filtering = isFiltering(filter);
  const isWrong = useIsWrong();
  const found = filterSettings(t, listActiveSettings(group, values, isWrong), filter, values);
  // What is set or wrong is shown, also where the algorithm does not read it: somebody may look for it.
  const settings = found.filter(
    (s) =>
      filtering ||
      isReadByAlgorithm(s.path, values) ||
      isWrong(s.path) ||
      isChanged(s, getSettingValue(values, s.path)),
  );
  const plain = filtering ? settings : settings.filter((s) => !s.meta.advanced);
  const advanced = filtering ? [] : settings.filter((s) => s.meta.advanced);
  const changed = advanced.filter((s) => isChanged(s, getSettingValue(values, s.path))).length;
  if (filtering ? settings.length === 0 : !isGroupUsed(group, values, isWrong)) return null;
  return (
    <Card
      id={`group-${group.id}`}
      className="scroll-mt-28 px-4 pt-3 pb-4 md:scroll-mt-16"
      aria-label={t(group.title)}
    >
      <div className="flex flex-wrap items-baseline gap-x-3">
        <h2 className="font-semibold">{t(group.title)}</h2>
        <p className="text-xs text-muted-foreground">
          <Description text={t(group.description)} />
        </p>
      </div>
      <SettingGrid settings={plain}>
        {group.variant && !filtering ? (
          <VariantField id={group.id} variant={group.variant} values={values} />
        ) : null}
      </SettingGrid>
      {group.settings.some(({ path }) => path === "method") ? <MethodFit /> : null}
      {group.id === "rl" ? <NormalisationHint values={values} /> : null}
      {advanced.length > 0 ? (
        <>
          <DisclosureButton open={open} onToggle={() => setOpen(!open)} className="mt-4">
            {changed > 0
              ? t("{count} more ({changed} changed)", { count: advanced.length, changed })
              : t("{count} more", { count: advanced.length })}
          </DisclosureButton>
          {open ? <SettingGrid settings={advanced} /> : null}
        </>
      ) : null}
    </Card>
  );
}

const NORMALISATION: string = "rl.normalisation";

/** What the algorithm's paper averages its loss by, where the draft has another normalisation. */
function NormalisationHint({ values }: { values: unknown }) {
  const t = useText();
  const { setValue } = useFormContext<Draft>();
  const other = findOtherNormalisation(values);
  // Supervised training reads neither.
  if (other === null || !isSettingUsed(NORMALISATION, values)) return null;
  const { algorithm, normalisation } = other;
  return (
    <p className="mt-3 flex flex-wrap items-baseline gap-x-3 gap-y-1 text-xs text-muted-foreground">
      {t("The paper of {algorithm} averages the loss by {normalisation}.", {
        algorithm,
        normalisation,
      })}
      <Button
        size="sm"
        onClick={() =>
          setValue(NORMALISATION, normalisation, { shouldValidate: true, shouldDirty: true })
        }
      >
        {t("Take that")}
      </Button>
    </p>
  );
}

type SettingGridProps = { settings: readonly Setting[]; children?: React.ReactNode };

const SettingGrid = ({ settings, children }: SettingGridProps) => (
  <div className="mt-3 grid gap-x-6 gap-y-4 sm:grid-cols-2 xl:grid-cols-3 min-[1800px]:grid-cols-4">
    {children}
    {settings.map((setting) => (
      <SettingField key={setting.path} setting={setting} />
    ))}
  </div>
);

type VariantFieldProps = {
  id: string;
  variant: NonNullable<SettingGroup["variant"]>;
  values: unknown;
};

/** The setting that decides which others the group has. */
function VariantField({ id, variant, values }: VariantFieldProps) {
  const t = useText();
  const { setValue } = useFormContext<Draft>();
  return (
    <div>
      <label htmlFor={variant.path} className="font-medium">
        {t("Kind")}
      </label>
      <Select
        id={variant.path}
        className="mt-1"
        value={formatDraftValue(getSettingValue(values, variant.path))}
        onChange={(e) => {
          const next = variant.options.find((o) => o.value === e.target.value);
          if (next)
            setValue(id, buildVariantDefaults(next), { shouldValidate: true, shouldDirty: true });
        }}
        options={variant.options.map((o) => o.value)}
      />
    </div>
  );
}
