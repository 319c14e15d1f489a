"""The names of the shop's collections and of their fields."""

CUSTOMERS = "customers"
PRODUCTS = "product"
RENTALS = "rental"

USER_ID = "user_id"
PRODUCT_ID = "product_id"
QUANTITY = "quantity_available"
STATUS = "Status"
ACTIVE = "Active"
RENTED_AT = "rented_at"
DUE = "due"
RETURNED_AT = "returned_at"

# The fields of a rental that the counter can fill.
RENTAL_FIELDS = (USER_ID, "name", "address", "phone_number", "email", PRODUCT_ID, RENTED_AT, DUE)
