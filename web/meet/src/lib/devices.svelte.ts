import { devices, type Devices, onDeviceChange } from 'tertulia'
import { recall, remember } from './memory.ts'

/** The devices of this computer, kept current. */
class DeviceList {
  list = $state.raw<Devices>({ microphones: [], cameras: [], speakers: [], named: false })
  speaker = $state(recall('speaker'))
  #watching = false

  /** Reads the list again: names are known only once a device was allowed. */
  async refresh(): Promise<void> {
    if (!navigator.mediaDevices) return
    if (!this.#watching) {
      this.#watching = true
      onDeviceChange((list) => {
        this.list = list
      })
    }
    try {
      this.list = await devices()
    } catch {
      // The list stays as it was.
    }
  }

  chooseSpeaker(id: string): void {
    this.speaker = id
    remember('speaker', id)
  }
}

export const deviceList = new DeviceList()
