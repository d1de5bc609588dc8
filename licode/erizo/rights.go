package erizo

// Rights are what a role may do in Licode's configuration, by the name of the
// right: publish, subscribe, record, stats, controlhandlers.
type Rights map[string]Right

// Right is one of them: in JSON true, false, or an object of sub-rights, by the
// name of what is published or subscribed to: audio, video, screen, data.
type Right struct {
	Granted bool
	// Sub has what is granted (true) or refused (false) of it; the rest is granted.
	Sub map[string]bool
}
