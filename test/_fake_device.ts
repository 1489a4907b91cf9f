/**
 * A device that computes nothing and takes a set time for it, by a clock of its own: what hardware does with work that is
 * submitted to it, seen without hardware.
 */
import { NEVER } from "../src/programs/buffers.ts";
import { Gpu } from "../src/gpu/device.ts";

/** When a program hears that submitted work is done. */
export type Manner =
  /** As in Deno: the call waits until all of it is done, and its promise is heard 11 ms later. */
  | "waits"
  /** As in browsers: the call returns at once, and its promise is heard when all of it is done. */
  | "returns";

/** What things cost. */
export interface FakeDeviceOptions {
  readonly manner: Manner;
  /** Whether it says that it computes on the CPU; it does not unless given. */
  readonly software?: boolean;
  /** Milliseconds that a dispatch takes on the GPU, by the kernel's name and the number of workgroups. */
  cost(kernel: string, workgroups: readonly number[]): number;
  /** Milliseconds of this program to record a dispatch; 0 unless given. */
  readonly recording?: number;
}

/** Milliseconds that the GPU takes to receive what is written into a texture. */
const RECEIVING = 4;

/** Milliseconds of this program for a submit. */
const SUBMITTING = 0.05;

/** Milliseconds that the promise of a wait takes to be heard. */
const HEARING = { waits: 11, returns: 0.1 };

/** A timer of the simulated event loop. */
interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** The device, its clock and what it has done. */
export class FakeDevice {
  /** For those who want a device. */
  readonly gpu: Gpu;
  /** Milliseconds since some moment. */
  now = 1000;
  /** When each submit with work began and ended on the GPU, and how many dispatches it had. */
  readonly submits: { begin: number; end: number; dispatches: number }[] = [];
  /** How long a call that asked for the end of all work kept this program waiting. */
  readonly waits: number[] = [];
  /** What the promise of a wait is rejected with, by the number of the wait; others resolve. */
  readonly failures = new Map<number, Error>();
  readonly #options: FakeDeviceOptions;
  readonly #timers: Timer[] = [];
  #free = 0;

  constructor(options: FakeDeviceOptions) {
    this.#options = options;
    this.gpu = new Gpu(this.#device(), {
      description: "simulated",
      vendor: "",
      software: options.software ?? false,
    });
  }

  /** Milliseconds between the first submit and the last end in which the GPU had nothing to do, as a share. */
  idleShare(): number {
    const { submits } = this;
    const busy = submits.reduce((sum, { begin, end }) => sum + end - begin, 0);
    return 1 - busy / (submits[submits.length - 1].end - submits[0].begin);
  }

  /** Runs something by this device's clock, in place of `performance.now` and `setTimeout`. */
  async run<T>(story: () => Promise<T>): Promise<T> {
    const { setTimeout } = globalThis;
    const { now } = performance;
    let running = true;
    performance.now = () => this.now;
    globalThis.setTimeout = ((run: () => void, delay = 0) => {
      this.#after(Math.max(1, delay), run);
      return 0;
    }) as unknown as typeof globalThis.setTimeout;
    // The event loop: when nothing else is to be done, time goes on to the next timer.
    const turn = () => {
      if (!running) return;
      this.#timers.sort((a, b) => a.at - b.at);
      const next = this.#timers.shift();
      if (next) {
        this.now = Math.max(this.now, next.at);
        next.run();
      }
      setTimeout(turn, 0);
    };
    setTimeout(turn, 0);
    try {
      return await story();
    } finally {
      running = false;
      performance.now = now;
      globalThis.setTimeout = setTimeout;
    }
  }

  #after(milliseconds: number, run: () => void): void {
    this.#timers.push({ at: this.now + milliseconds, run });
  }

  /** Hears of the end of all work, in the manner of the device. */
  #end(): Promise<undefined> {
    const { manner } = this.#options;
    const left = Math.max(0, this.#free - this.now);
    const failure = this.failures.get(this.waits.length);
    this.waits.push(manner === "waits" ? left : 0);
    if (manner === "waits") this.now += left;
    return new Promise((resolve, reject) =>
      this.#after(
        HEARING[manner] + (manner === "waits" ? 0 : left),
        () => failure ? reject(failure) : resolve(undefined),
      )
    );
  }

  #submit(commands: readonly { milliseconds: number; dispatches: number }[]): void {
    this.now += SUBMITTING;
    for (const { milliseconds, dispatches } of commands) {
      if (dispatches === 0) continue;
      const begin = Math.max(this.now, this.#free);
      this.#free = begin + milliseconds;
      this.submits.push({ begin, end: this.#free, dispatches });
    }
  }

  #encoder() {
    const commands = { milliseconds: 0, dispatches: 0 };
    let kernel = "";
    return {
      beginComputePass: () => ({
        setPipeline: ({ label }: { label: string }) => kernel = label,
        setBindGroup: () => {},
        dispatchWorkgroups: (...workgroups: number[]) => {
          this.now += this.#options.recording ?? 0;
          commands.milliseconds += this.#options.cost(kernel, workgroups);
          commands.dispatches++;
        },
        end: () => {},
      }),
      copyBufferToBuffer: () => {},
      finish: () => commands,
    };
  }

  #device(): GPUDevice {
    const most = 2 ** 31;
    // Textures are low, so that images need several layers.
    const own = { minUniformBufferOffsetAlignment: 256, maxTextureDimension2D: 1000 };
    const limits = new Proxy(own, {
      get: (own, name) => name in own ? own[name as keyof typeof own] : most,
    });
    const made = { label: "", destroy() {}, createView: () => ({ label: "" }) };
    const device = {
      limits,
      features: new Set<string>(),
      lost: new Promise(() => {}),
      addEventListener() {},
      removeEventListener() {},
      destroy() {},
      pushErrorScope() {},
      popErrorScope: () => Promise.resolve(null),
      createBuffer: ({ label, size }: GPUBufferDescriptor) => ({
        ...made,
        label,
        size,
        mapAsync: () => this.#end(),
        // Sums are 0, and no network has diverged.
        getMappedRange: () =>
          new Uint32Array(size / 4).fill(/diverge/.test(label ?? "") ? NEVER : 0).buffer,
      }),
      createTexture: ({ label, size }: GPUTextureDescriptor) => {
        const [width, height = 1, depthOrArrayLayers = 1] = size as number[];
        return { ...made, label, width, height, depthOrArrayLayers };
      },
      createShaderModule: () => ({ getCompilationInfo: () => Promise.resolve({ messages: [] }) }),
      createBindGroupLayout: () => ({}),
      createPipelineLayout: () => ({}),
      createComputePipelineAsync: ({ label }: GPUComputePipelineDescriptor) =>
        Promise.resolve({ label, getBindGroupLayout: () => ({}) }),
      createBindGroup: () => ({}),
      createCommandEncoder: () => this.#encoder(),
      queue: {
        writeBuffer() {},
        writeTexture: () => {
          this.#free = Math.max(this.now, this.#free) + RECEIVING;
        },
        submit: (commands: { milliseconds: number; dispatches: number }[]) =>
          this.#submit(commands),
        onSubmittedWorkDone: () => this.#end(),
      },
    };
    return device as unknown as GPUDevice;
  }
}
