import hypothesis

# A busy machine makes any example slow, which says nothing of the code.
hypothesis.settings.register_profile("unit", deadline=None)
hypothesis.settings.load_profile("unit")
