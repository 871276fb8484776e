import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  alarmNameSchema,
  type AlarmChange,
  type AlarmName,
  type RaisedAlarm,
} from "@/contracts/records/alarms";
import { formatAlarmEvidence } from "@/core/metrics/alarms";
import { createRandom } from "@/core/statistics/bootstrap";
import type { RunSettings } from "./alarm-rule";
import { RULES } from "./rules";
import {
  updateAlarms,
  INITIAL_ALARM_STATE,
  alarmStateSchema,
  type AlarmState,
} from "./alarm-state";

/** Alarms that metrics raise; of a command's console its worker judges. */
const RULED = alarmNameSchema.exclude(["swallowed-errors"]);
type RuledAlarm = (typeof RULED.options)[number];

type Values = Record<string, number>;
/** What a step and the evaluation after it measured, in the order of the reports. */
type Observation = { step: number; values: Values };

const GRPO: RunSettings = {
  algorithm: "grpo",
  groupSize: 4,
  gradientClip: 1,
  heldOutQuestions: 72,
};
const PPO: RunSettings = { ...GRPO, algorithm: "ppo" };

function watch(
  observations: readonly Observation[],
  run = GRPO,
  from: AlarmState = INITIAL_ALARM_STATE,
): { changes: AlarmChange[]; state: AlarmState } {
  let state = from;
  const changes: AlarmChange[] = [];
  for (const { step, values } of observations) {
    const next = updateAlarms(state, values, step, run);
    state = next.state;
    changes.push(...next.changes);
  }
  return { changes, state };
}

/** Share of n coins that fall right. */
const share = (chance: number, n: number, next: () => number): number =>
  Array.from({ length: n }, next).filter((x) => x < chance).length / n;

/**
 * A run as a healthy one looks, noise included: reward from 32 episodes a step rises, entropy halves slowly, norms settle,
 * held-out accuracy rises and is measured on the same questions each time (a few of which change their answer by chance).
 */
function healthy(steps: number, every: number, seed: number, learns = 1): Observation[] {
  const next = createRandom(seed);
  const noisy = (value: number, spread: number): number => value * (1 + spread * (2 * next() - 1));
  const curve = (step: number): number => learns * (1 - Math.exp((-3 * step) / steps));
  const evaluation = (step: number): Observation => {
    const accuracy = 0.45 + 0.25 * curve(step) + 0.03 * (2 * next() - 1);
    return { step, values: { "held-out/accuracy": accuracy, "held-out/gbr": accuracy - 0.31 } };
  };
  return [
    evaluation(0),
    ...Array.from({ length: steps }, (_, i) => i + 1).flatMap((step): Observation[] => [
      {
        step,
        values: {
          "reward/mean": share(0.4 + 0.25 * curve(step), 32, next),
          "actor/entropy_loss": noisy(0.45 - 0.25 * curve(step), 0.25),
          "actor/grad_norm": noisy(0.8 - 0.4 * curve(step), 0.6),
          "critic/grad_norm": noisy(4 - 3 * curve(step), 0.6),
          "critic/vf_explained_var":
            -0.8 + 1.3 * (1 - Math.exp(-step / 3)) + 0.3 * (2 * next() - 1),
          "actor/skipped_updates": 0,
          "critic/kl": noisy(0.02 * (step / steps), 0.5),
          "actor/kl_loss": noisy(0.02 * (step / steps), 0.5),
          // Eleven of twelve, which chance gives once in 300 steps, is a value out of line by itself.
          "groups/without_variance": Math.min(10 / 12, share(0.5, 12, next)),
          "search/copied_question": share(0.08, 32, next),
          "search/format_errors": noisy(0.05 + 0.6 * (1 - curve(step)), 0.5),
          "response_length/mean": noisy(28 + 12 * curve(step), 0.15),
          "response_length/clip_ratio": share(0.1, 32, next),
          "generator/retries": share(0.02, 40, next),
          "actor/positive_logprob": -noisy(0.45 - 0.25 * curve(step), 0.25),
          "search/query_information": noisy(0.6, 0.3),
          "groups/dead_questions": Math.min(10 / 12, share(0.4, 12, next)),
        },
      },
      ...(step % every === 0 ? [evaluation(step)] : []),
    ]),
  ];
}

/** Changes a healthy run's values from a step on. */
const spoilt = (
  run: readonly Observation[],
  from: number,
  change: (values: Values, steps: number) => Values,
): Observation[] =>
  run.map(({ step, values }) => ({
    step,
    values:
      step < from
        ? values
        : {
            ...values,
            ...Object.fromEntries(
              Object.entries(change(values, step - from + 1)).filter(
                ([metric]) => metric in values,
              ),
            ),
          },
  }));

const names = (changes: readonly AlarmChange[]): string[] =>
  changes.map(({ to, name }) => `${name} ${to}`);
const raised = (changes: readonly AlarmChange[], name: AlarmName): RaisedAlarm | undefined =>
  changes.find((change): change is RaisedAlarm => change.to === "raised" && change.name === name);

describe("healthy runs", () => {
  it.each([
    ["the default preset's", 12, 4, 100],
    ["twenty steps'", 20, 5, 100],
    ["long", 300, 20, 8],
  ])("raise nothing: %s", (_, steps, every, seeds) => {
    for (let seed = 1; seed <= seeds; seed++)
      expect(names(watch(healthy(steps, every, seed)).changes), `seed ${seed}`).toEqual([]);
    for (let seed = 1; seed <= seeds / 4; seed++)
      expect(names(watch(healthy(steps, every, seed), PPO).changes), `seed ${seed}`).toEqual([]);
  });

  it("raise nothing either where nothing is learned, and evaluations only differ by chance", () => {
    for (let seed = 1; seed <= 20; seed++)
      expect(names(watch(healthy(100, 5, seed, 0)).changes), `seed ${seed}`).toEqual([]);
  });

  it("do not mind one step out of line, whatever it measured", () => {
    const absurd: Values = {
      "actor/entropy_loss": 0,
      "actor/grad_norm": 1e6,
      "critic/grad_norm": 1e6,
      "critic/kl": 50,
      "actor/kl_loss": 50,
      "groups/without_variance": 1,
      "search/copied_question": 1,
      "search/format_errors": 9,
      "response_length/mean": 4000,
      "response_length/clip_ratio": 1,
      "critic/vf_explained_var": -100,
      "generator/retries": 1,
      "actor/positive_logprob": -20,
      "search/query_information": 0,
      "groups/dead_questions": 1,
      "held-out/gbr": -1,
      "reward/mean": -1,
    };
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(1000), (at, seed) => {
        const run = healthy(40, 5, seed).map((o) =>
          o.step === at
            ? {
                ...o,
                values: {
                  ...o.values,
                  ...Object.fromEntries(
                    Object.entries(absurd).filter(([metric]) => metric in o.values),
                  ),
                },
              }
            : o,
        );
        expect(names(watch(run, PPO).changes)).toEqual([]);
        expect(names(watch(run).changes)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it("let texts grow that earn more, and format errors fall from a high beginning", () => {
    const growing = healthy(60, 10, 7).map(({ step, values }) => ({
      step,
      values: {
        ...values,
        ...("reward/mean" in values
          ? {
              "reward/mean": 0.2 + 0.01 * step,
              "response_length/mean": 20 + 3 * step,
              "search/format_errors": 3 / step,
            }
          : {}),
      },
    }));
    expect(names(watch(growing).changes)).toEqual([]);
  });
});

/** Every collapse as it comes over a run of forty steps, from step 21 on. */
const COLLAPSES: Record<
  RuledAlarm,
  { run?: RunSettings; spoil: (values: Values, steps: number) => Values; metric: string }
> = {
  "reward-hacking": {
    metric: "held-out/gbr",
    spoil: (v, n) => ({
      "held-out/gbr": v["held-out/gbr"]! - 0.03 * n,
      "held-out/accuracy": v["held-out/accuracy"]! - 0.03 * n,
      "reward/mean": Math.min(1, v["reward/mean"]! + 0.02 * n),
    }),
  },
  "entropy-collapse": {
    metric: "actor/entropy_loss",
    spoil: (v, n) => ({ "actor/entropy_loss": v["actor/entropy_loss"]! * 0.5 ** n }),
  },
  "length-explosion": {
    metric: "response_length/mean",
    spoil: (v, n) => ({
      "response_length/mean": v["response_length/mean"]! * (1 + 0.3 * n),
      "reward/mean": v["reward/mean"]! - 0.1,
    }),
  },
  "question-copied": {
    metric: "search/copied_question",
    spoil: (v, n) => ({
      "search/copied_question": Math.min(1, v["search/copied_question"]! + 0.1 * n),
    }),
  },
  "format-drift": {
    metric: "search/format_errors",
    spoil: (_, n) => ({ "search/format_errors": 0.3 * n }),
  },
  "no-variance": {
    metric: "groups/without_variance",
    spoil: () => ({ "groups/without_variance": 1 }),
  },
  "kl-runaway": {
    metric: "critic/kl",
    spoil: (v, n) => ({ "critic/kl": v["critic/kl"]! * 2 ** n }),
  },
  "value-useless": {
    run: PPO,
    metric: "critic/vf_explained_var",
    spoil: (_, n) => ({ "critic/vf_explained_var": -0.4 * n }),
  },
  "gradient-explosion": {
    run: PPO,
    metric: "critic/grad_norm",
    spoil: (v, n) => ({ "critic/grad_norm": v["critic/grad_norm"]! * 3 ** n }),
  },
  "generator-errors": {
    metric: "generator/retries",
    spoil: (_, n) => ({ "generator/retries": Math.min(0.8, 0.1 * n) }),
  },
  "likelihood-displacement": {
    metric: "actor/positive_logprob",
    spoil: (v, n) => ({
      "actor/positive_logprob": v["actor/positive_logprob"]! - 0.1 * n,
      "reward/mean": Math.min(1, v["reward/mean"]! + 0.02 * n),
    }),
  },
  "queries-alike": {
    metric: "search/query_information",
    spoil: (v, n) => ({ "search/query_information": v["search/query_information"]! * 0.8 ** n }),
  },
  "dead-questions": {
    metric: "groups/dead_questions",
    spoil: () => ({ "groups/dead_questions": 1 }),
  },
};

describe("collapses", () => {
  it.each(RULED.options)(
    "%s is raised, alone, with what it saw, and cleared where it passes",
    (name) => {
      const { run = GRPO, spoil, metric } = COLLAPSES[name];
      for (let seed = 1; seed <= 10; seed++) {
        const sound = healthy(40, 4, seed);
        const { changes, state } = watch(spoilt(sound, 21, spoil), run);
        expect(names(changes), `seed ${seed}`).toEqual([`${name} raised`]);
        const alarm = raised(changes, name)!;
        expect(alarm.step).toBeLessThanOrEqual(40);
        expect(alarm.since).toBeGreaterThanOrEqual(21);
        expect(alarm.since).toBeLessThanOrEqual(alarm.step);
        const [first] = alarm.evidence;
        expect(first!.metric).toBe(metric);
        expect(first!.limit).not.toBeNull();
        if (first!.limit!.side === "at-least")
          expect(first!.now.value).toBeGreaterThanOrEqual(first!.limit!.value);
        else expect(first!.now.value).toBeLessThanOrEqual(first!.limit!.value);
        expect(formatAlarmEvidence(first!)).toContain(`${metric} `);

        // Sound again: the same alarm is cleared, once. (Held-out GBR counts as sound at its best.)
        const after = healthy(60, 4, seed)
          .filter(({ step }) => step > 20)
          .map(({ step, values }) => ({ step: step + 20, values }));
        expect(names(watch(after, run, state).changes), `seed ${seed}`).toEqual([
          `${name} cleared`,
        ]);
      }
    },
  );

  it("an absurd beginning is seen as well: no variance and no entropy from the first step", () => {
    const run = Array.from({ length: 8 }, (_, i) => ({
      step: i + 1,
      values: { "groups/without_variance": 1, "actor/entropy_loss": 0.0001, "reward/mean": 0 },
    }));
    const { changes } = watch(run);
    expect(names(changes).sort()).toEqual(["entropy-collapse raised", "no-variance raised"]);
    for (const change of changes) expect(change).toMatchObject({ step: 5, since: 1 });
  });

  it("updates that are skipped one after the other count as an exploding gradient", () => {
    const run = spoilt(healthy(40, 4, 3), 21, () => ({ "actor/skipped_updates": 1 }));
    expect(raised(watch(run).changes, "gradient-explosion")?.evidence).toMatchObject([
      { metric: "actor/skipped_updates" },
    ]);
  });

  it("held-out GBR that falls with the reward is another matter than one that falls while it rises", () => {
    const both = spoilt(healthy(40, 4, 5), 21, (v, n) => ({
      "held-out/gbr": v["held-out/gbr"]! - 0.03 * n,
      "held-out/accuracy": v["held-out/accuracy"]! - 0.03 * n,
      "reward/mean": Math.max(0, v["reward/mean"]! - 0.02 * n),
    }));
    expect(names(watch(both).changes)).toEqual([]);
  });

  it("good episodes that become unlikely while the reward falls are no displacement", () => {
    const run = spoilt(healthy(40, 4, 5), 21, (v, n) => ({
      "actor/positive_logprob": v["actor/positive_logprob"]! - 0.1 * n,
      "reward/mean": Math.max(0, v["reward/mean"]! - 0.3),
    }));
    expect(names(watch(run).changes)).toEqual([]);
  });

  it("queries that tell nothing from the first step on are noticed as well", () => {
    const run = spoilt(healthy(8, 4, 5), 1, () => ({ "search/query_information": 0.01 }));
    expect(raised(watch(run).changes, "queries-alike")).toMatchObject({ step: 5, since: 1 });
  });

  it("groups without variance say nothing where the group is no baseline", () => {
    const run = spoilt(healthy(40, 4, 5), 1, () => ({ "groups/without_variance": 1 }));
    for (const circumstances of [
      PPO,
      { ...GRPO, algorithm: "reinforce++" as const },
      { ...PPO, groupSize: 1 },
    ])
      expect(names(watch(run, circumstances).changes)).toEqual([]);
  });
});

describe("properties of any history", () => {
  it("has a rule for each alarm", () =>
    expect(RULES.map(({ name }) => name).sort()).toEqual([...RULED.options].sort()));

  const metrics = [
    ...new Set(RULES.flatMap(({ metrics, alsoReads = [] }) => [...metrics, ...alsoReads])),
  ];
  const value = fc.oneof(
    fc.double({ min: -2, max: 2, noNaN: true }).map((v) => v + 0),
    fc.constantFrom(0, 1, 1e9, -1e9, NaN, Infinity),
  );
  const wild = fc
    .array(fc.tuple(...metrics.map(() => fc.option(value, { freq: 4 }))), {
      minLength: 1,
      maxLength: 60,
    })
    .map((rows): Observation[] =>
      rows.map((row, i) => ({
        step: i + 1,
        values: Object.fromEntries(row.flatMap((v, m) => (v === null ? [] : [[metrics[m]!, v]]))),
      })),
    );

  it("raised and cleared take turns, each with evidence, once a step at most", () => {
    fc.assert(
      fc.property(wild, fc.constantFrom(GRPO, PPO), (run, circumstances) => {
        const { changes, state } = watch(run, circumstances);
        for (const name of RULED.options) {
          const mine = changes.filter((change) => change.name === name);
          expect(mine.map(({ to }) => to)).toEqual(
            mine.map((_, i) => (i % 2 === 0 ? "raised" : "cleared")),
          );
          expect(new Set(mine.map(({ step }) => step)).size).toBe(mine.length);
          expect(name in state.standing).toBe(mine.length % 2 === 1);
        }
        for (const change of changes)
          if (change.to === "raised")
            for (const { now, before } of change.evidence)
              for (const part of [now, before])
                if (part) expect(part.fromStep).toBeLessThanOrEqual(part.toStep);
      }),
      { numRuns: 300 },
    );
  });

  it("a run cut anywhere and gone on with from its checkpoint changes as the undisturbed one", () => {
    fc.assert(
      fc.property(wild, fc.nat(60), (run, at) => {
        const whole = watch(run);
        const first = watch(run.slice(0, at));
        const stored = alarmStateSchema.parse(JSON.parse(JSON.stringify(first.state)));
        const second = watch(run.slice(at), GRPO, stored);
        expect([...first.changes, ...second.changes]).toEqual(whole.changes);
        expect(second.state).toEqual(whole.state);
      }),
      { numRuns: 300 },
    );
  });

  it("noise around a limit does not make an alarm flap", () => {
    fc.assert(
      fc.property(
        fc.nat(100_000),
        fc.constantFrom(
          ["groups/without_variance", 0.9, 0.12] as const,
          ["search/copied_question", 0.5, 0.15] as const,
          ["generator/retries", 0.2, 0.08] as const,
        ),
        (seed, [metric, limit, spread]) => {
          const next = createRandom(seed);
          const run = Array.from({ length: 300 }, (_, i) => ({
            step: i + 1,
            values: { [metric]: limit + spread * (2 * next() - 1) },
          }));
          expect(watch(run).changes.length).toBeLessThanOrEqual(2);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("keeps a bounded history", () => {
    const { state } = watch(healthy(400, 4, 1));
    for (const points of Object.values(state.history))
      expect(points.length).toBeLessThanOrEqual(288);
    expect(state.history["reward/mean"]![0]!.step).toBe(1);
    expect(state.history["reward/mean"]!.at(-1)!.step).toBe(400);
  });
});
