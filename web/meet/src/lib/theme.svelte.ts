import { recall, remember } from './memory.ts'

/** Light or dark: the system's choice until the person makes one. */
class Theme {
  #system = matchMedia('(prefers-color-scheme: dark)')
  dark = $state(false)

  constructor() {
    const chosen = recall('theme')
    this.dark = chosen ? chosen === 'dark' : this.#system.matches
    this.#apply()
    this.#system.addEventListener('change', () => {
      if (recall('theme')) return
      this.dark = this.#system.matches
      this.#apply()
    })
  }

  toggle() {
    this.dark = !this.dark
    remember('theme', this.dark ? 'dark' : 'light')
    this.#apply()
  }

  #apply() {
    document.documentElement.dataset.theme = this.dark ? 'dark' : 'light'
    document.querySelector('meta[name="theme-color"]')?.setAttribute('content', this.dark ? '#191411' : '#faf5ee')
  }
}

export const theme = new Theme()
