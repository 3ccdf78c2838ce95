"""The flows behind the verbs: each asks, plans, applies and says. They are loaded when first wanted."""
