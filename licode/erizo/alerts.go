package erizo

// Schemes are the ways in which subscribers are spared what their links do not
// carry, by Licode's names.
var Schemes = []string{"notify", "notify-break", "notify-break-recover", "notify-slideshow", "notify-stop-feedback"}
