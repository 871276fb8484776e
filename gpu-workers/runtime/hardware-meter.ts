import { Machine, type Gpu } from "./machine";

/** What a machine did between two readings of a meter; absent where it is not known. GPUs are counted together. */
export interface HardwareUse {
  /** Share of the processors' time, 0..1. */
  cpu: number;
  /** Memory in use at the end, in MiB. */
  memoryMb: number;
  /** Mean over GPUs and time, 0..1. */
  gpuUtilisation?: number;
  gpuMemoryMb?: number;
  gpuPowerW?: number;
  /** Power over time. */
  gpuEnergyWh?: number;
}

/** How often GPUs are asked. Each time a process is started, so not more often. */
const SAMPLE_MS = 5_000;
const MS_PER_HOUR = 3_600_000;

/** The GPUs of a machine at one moment, together. */
interface GpuSample {
  utilisation: number | null;
  memoryMb: number | null;
  powerW: number | null;
}

const UNKNOWN: GpuSample = { utilisation: null, memoryMb: null, powerW: null };

type MeteredMachine = Pick<Machine, "measureCpu" | "readUsedMemoryMb" | "readGpus">;

/**
 * Measures a machine while a run is on it. GPUs are asked beside the work, so that reading the meter waits for nothing
 * but a small file.
 */
export class HardwareMeter {
  private timer: NodeJS.Timeout | null = null;
  private samples: GpuSample[] = [];
  private latest: GpuSample | null = null;
  /** The power is counted into the energy up to here: milliseconds of `now`. */
  private countedUntil: number | null = null;
  private energyWh: number | null = null;
  /** For a part of the time since the last call the power is not known. */
  private hasGap = false;
  private isAsking = false;
  /** GPUs were asked and said nothing: there is none, or the tool failed. */
  private isUnanswered = false;

  constructor(
    private readonly machine: MeteredMachine = new Machine(),
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Begins to measure. Where there is no GPU, none is asked again. */
  start(): void {
    this.machine.measureCpu();
    this.timer = setInterval(() => void this.sampleGpus(), SAMPLE_MS).unref();
    void this.sampleGpus();
  }

  stop(): void {
    if (this.timer) clearInterval(this.timer);
    this.timer = null;
  }

  /** What was used since the last call, or since the start. */
  async take(): Promise<HardwareUse> {
    this.countEnergy(this.latest?.powerW ?? null);
    const samples =
      this.samples.length > 0 ? this.samples : this.latest === null ? [] : [this.latest];
    const energyWh = this.hasGap ? null : this.energyWh;
    this.samples = [];
    this.energyWh = null;
    this.hasGap = false;
    return {
      cpu: this.machine.measureCpu(),
      memoryMb: await this.machine.readUsedMemoryMb(),
      ...dropUnknown({
        gpuUtilisation: computeMeanOfAll(samples.map(({ utilisation }) => utilisation)),
        gpuMemoryMb: computeMeanOfAll(samples.map(({ memoryMb }) => memoryMb)),
        gpuPowerW: computeMeanOfAll(samples.map(({ powerW }) => powerW)),
        gpuEnergyWh: energyWh,
      }),
    };
  }

  private async sampleGpus(): Promise<void> {
    // A tool that hangs is not started again and again.
    if (this.isAsking) return this.noteNoAnswer();
    this.isAsking = true;
    const gpus = await this.machine.readGpus().finally(() => (this.isAsking = false));
    if (this.timer === null) return;
    if (gpus.length === 0) return this.noteNoAnswer();
    if (this.latest === null && this.isUnanswered) this.hasGap = true;
    this.addSample(combineGpus(gpus));
  }

  /** Nothing is known of GPUs that answered before: their last values say nothing of the time since. */
  private noteNoAnswer(): void {
    this.isUnanswered = true;
    if (this.latest !== null) this.addSample(UNKNOWN);
  }

  private addSample(sample: GpuSample): void {
    const before = this.latest?.powerW ?? null;
    this.countEnergy(computeMeanOfAll([before, sample.powerW]));
    this.latest = sample;
    this.samples.push(sample);
  }

  /** Adds the energy since the last count, at this power. It begins with the first sample. */
  private countEnergy(powerW: number | null): void {
    const now = this.now();
    if (this.latest !== null && this.countedUntil !== null) {
      if (powerW === null) this.hasGap = true;
      else
        this.energyWh = (this.energyWh ?? 0) + (powerW * (now - this.countedUntil)) / MS_PER_HOUR;
    }
    this.countedUntil = now;
  }
}

/** Mean utilisation, memory and power together; null where a GPU does not say, as a part would look like all. */
function combineGpus(gpus: readonly Gpu[]): GpuSample {
  const sum = (values: readonly (number | null)[]): number | null => {
    const mean = computeMeanOfAll(values);
    return mean === null ? null : mean * values.length;
  };
  return {
    utilisation: computeMeanOfAll(gpus.map(({ utilisation }) => utilisation)),
    memoryMb: sum(gpus.map(({ usedMb }) => usedMb)),
    powerW: sum(gpus.map(({ powerW }) => powerW)),
  };
}

/** Null for no values, or where one is not known. */
function computeMeanOfAll(values: readonly (number | null)[]): number | null {
  let sum = 0;
  for (const value of values) {
    if (value === null) return null;
    sum += value;
  }
  return values.length === 0 ? null : sum / values.length;
}

const dropUnknown = <K extends string>(
  values: Record<K, number | null>,
): Partial<Record<K, number>> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null)) as Partial<
    Record<K, number>
  >;
